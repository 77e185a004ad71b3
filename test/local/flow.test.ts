/** The whole flow once with real workers and a tiny random model, and once more with everything that can be stopped stopped. */
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { WebhookReceiver } from '../../bench/orchestration/webhook-receiver';
import { CHECKPOINT_SECONDS } from '../../contract/env';
import { isUnsettled, type JobRecord } from '../../contract/job-record';
import { resultKey, uploadKey } from '../../contract/keys';
import { ReportSchema } from '../../contract/report';
import { type RunningDeployment, startDeployment } from '../../local/deployment';
import { writeRandomModel } from '../random-model';
import { manifest, writeReferenceSet } from '../reference-set';
import { temporaryHome, until } from './home';

const TENANT = 'studio';
const SILENT = { info: () => {}, warn: () => {}, error: () => {} };
/** Enough that a job still runs when somebody who has seen it run acts on that. */
const STEPS = 100;

let running: RunningDeployment | null = null;
const receivers: WebhookReceiver[] = [];

afterEach(async () => {
  await running?.stop();
  running = null;
  for (const receiver of receivers.splice(0)) await receiver.close();
});

async function start(home: string): Promise<RunningDeployment> {
  process.env[CHECKPOINT_SECONDS] = '0';
  running = await startDeployment({ home, threads: 1, page: { port: 0 }, log: SILENT });
  return running;
}

function homeWithModel(): string {
  const home = temporaryHome();
  mkdirSync(home.bucket('models'), { recursive: true });
  writeRandomModel(path.join(home.bucket('models'), 'random'));
  return home.folder;
}

async function upload({ ports }: RunningDeployment, set: string, webhook?: string): Promise<void> {
  const { uploads } = ports.buckets;
  const folder = await writeReferenceSet(path.join(temporaryHome().folder, set));
  for (const file of ['front.png', 'side.png']) {
    await uploads.put(uploadKey(TENANT, set, file), { file: path.join(folder, file) });
  }
  const job = { ...manifest({ steps: STEPS }), ...(webhook !== undefined && { webhook }) };
  await uploads.put(uploadKey(TENANT, set, 'job.json'), JSON.stringify(job));
}

const jobWhen = ({ ports }: RunningDeployment, set: string, is: (record: JobRecord) => boolean): Promise<JobRecord> =>
  until(async () => {
    const [record] = (await ports.jobs.query('by_set', `${TENANT}/${set}`)).records;
    return record !== undefined && is(record) && record;
  });

/** With nothing left to do. */
const succeeded = (record: JobRecord) => {
  const { status, error, attempts } = record.job;
  if (status === 'failed') throw new Error(JSON.stringify(error));
  return status === 'succeeded' && attempts.every(({ stopped_at }) => stopped_at !== null) && !isUnsettled(record);
};

/** How a person reads the file: past every port. */
const result = (home: string, { id }: JobRecord, file: string): Buffer =>
  readFileSync(path.join(home, 'buckets/results', resultKey(id, file)));

test('an uploaded set becomes a video, a report, a job object and signed webhooks', async () => {
  const home = homeWithModel();
  const deployment = await start(home);
  const receiver = await WebhookReceiver.open(() => deployment.ports.secrets.live());
  receivers.push(receiver);
  await upload(deployment, 'ada', receiver.url);
  await receiver.jobsEnded(1);
  const record = await jobWhen(deployment, 'ada', succeeded);
  expect(record.job).toMatchObject({
    progress: { percent: 100, step: STEPS, total_steps: STEPS },
    error: null,
    metrics: { attempts: 1 },
    attempts: [{ number: 1, capacity: 'local' }],
  });
  expect(record.job.output.map(({ key }) => path.basename(key))).toContain('video.mp4');
  for (const { key, size } of record.job.output) {
    expect(readFileSync(path.join(home, 'buckets/results', key))).toHaveLength(size);
  }
  expect(result(home, record, 'video.mp4').subarray(4, 8).toString()).toBe('ftyp');
  ReportSchema.parse(JSON.parse(result(home, record, 'report.json').toString()));
  expect(JSON.parse(result(home, record, 'job.json').toString())).toEqual(record.job);
});

test('stopped by a Spot reclaim and by a restart, a job resumes and ends in the same bytes', async () => {
  const home = homeWithModel();
  const first = await start(home);
  await upload(first, 'whole');
  const whole = await jobWhen(first, 'whole', succeeded);

  await upload(first, 'broken');
  const hasStepped = (step: number) => (record: JobRecord) => record.job.progress.step >= step;
  const processing = await jobWhen(first, 'broken', hasStepped(1));
  first.scheduler.reclaim(processing.batch_job_id!);
  await jobWhen(first, 'broken', ({ attempt, job }) => attempt === 2 && job.status === 'processing');
  await first.stop();

  const second = await start(home);
  const broken = await jobWhen(second, 'broken', succeeded);
  expect(broken.job.attempts.map(({ number }) => number)).toEqual([1, 2, 3]);
  expect(broken.job.attempts[0]?.reason).toMatch(/^Host EC2 .* terminated.*exit code 75$/);
  // A video names its job in its metadata.
  const video = (record: JobRecord) =>
    result(home, record, 'video.mp4').toString('latin1').replaceAll(record.id, 'job');
  expect(video(broken) === video(whole)).toBe(true);
});
