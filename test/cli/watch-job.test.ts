/** Following a job: what is shown of each state, and how it ends. */
import type { ProgressOutput } from '../../cli/progress';
import { createProgress } from '../../cli/progress';
import { jobProgress, watchJob } from '../../cli/watch-job';
import type { JobState } from '../../contract/job';
import type { JobRecord } from '../../contract/job-record';

function record(status: JobState, step = 0, attempt = 1): JobRecord {
  // Only what the progress looks at.
  return { attempt, job: { status, progress: { percent: 0, step, total_steps: 20, eta_seconds: null } } } as JobRecord;
}

async function shown(looks: (JobRecord | null)[]): Promise<string[]> {
  let written = '';
  const output: ProgressOutput = { write: (text) => (written += text) };
  const show = jobProgress(createProgress(output, () => 0));
  const ended = await watchJob(async () => looks.shift() ?? null, show, { pollMs: 0 });
  expect(looks).toEqual([]);
  expect(ended.job.status).toMatch(/succeeded|failed/);
  return written.trimEnd().split('\n');
}

test('every state is told once, and the steps to the last one', async () => {
  const looks = [null, null, record('queued'), record('submitted'), record('starting'), record('processing')];
  const lines = await shown([...looks, record('processing', 8), record('processing', 8), record('succeeded')]);
  expect(lines).toEqual([
    'Uploaded, not yet looked at ...',
    'Queued ...',
    'Waiting for a machine ...',
    'Starting the worker ...',
    'Generating ...',
    'Generating 8/20  0 ms a step  ETA 0 ms',
    'Generating 20/20  0 ms a step',
  ]);
});

test('a job that runs again says so; one that fails does not pretend to have finished', async () => {
  const lines = await shown([record('processing', 4), record('processing', 4, 2), record('failed', 4, 2)]);
  expect(lines).toEqual([
    'Generating ...',
    'Generating 4/20  0 ms a step  ETA 0 ms',
    'Generating (attempt 2) ...',
    'Generating (attempt 2) 4/20  0 ms a step  ETA 0 ms',
  ]);
});

test('it stops when it is told to, also between two looks', async () => {
  const stop = new AbortController();
  const reason = new Error('enough');
  const looks: number[] = [];
  const look = async () => {
    looks.push(looks.length);
    setImmediate(() => stop.abort(reason));
    return record('queued');
  };
  await expect(watchJob(look, () => {}, { pollMs: 3_600_000, signal: stop.signal })).rejects.toBe(reason);
  expect(looks).toHaveLength(1);
});
