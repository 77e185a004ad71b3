/** `mv2id train status`: what Batch says of a run, and what the run itself last wrote down. */
import { isActive, type TrainingJob } from '../../clients/aws/aws-training';
import type { ObjectStore } from '../../clients/object-store';
import {
  PROGRESS_FILE_NAME,
  type TrainingProgress,
  TrainingProgressSchema,
  trainingKey,
} from '../../contract/training-run';
import { UsageError } from '../exit-code';
import { writeJson } from '../json-line';
import type { ProfileOptions } from '../profile';
import type { Streams } from '../streams';
import { requireRunName, withTraining } from './training-service';

export interface TrainStatusOptions extends ProfileOptions {
  readonly json?: boolean;
}

export async function runTrainStatus(name: string, options: TrainStatusOptions, streams: Streams): Promise<void> {
  const run = requireRunName(name, '<run>');
  await withTraining(options, async ({ training, models }) => {
    const [job, progress] = await Promise.all([training.newest(run), readProgress(models, run)]);
    if (!job && !progress) throw new UsageError(`<run> must be one that was submitted, got ${run}.`);
    if (options.json) writeJson(streams.stdout, { run, batch: job, progress });
    else for (const line of lines(run, job, progress)) streams.stdout.write(`${line}\n`);
  });
}

/** `mv2id train cancel`. Its checkpoint stays: submitted again, the run goes on from there. */
export async function runTrainCancel(name: string, options: ProfileOptions, streams: Streams): Promise<void> {
  const run = requireRunName(name, '<run>');
  await withTraining(options, async ({ training }) => {
    const job = await training.newest(run);
    if (!job || !isActive(job)) throw new UsageError(`<run> must be one that is under way, got ${run}.`);
    await training.terminate(job.id, 'canceled by mv2id train cancel');
    streams.stdout.write(`${run} is being stopped; its last checkpoint stays.\n`);
  });
}

async function readProgress(models: ObjectStore, run: string): Promise<TrainingProgress | null> {
  const stored = await models.get(trainingKey(run, PROGRESS_FILE_NAME));
  return stored && TrainingProgressSchema.parse(JSON.parse(Buffer.from(stored.body).toString('utf8')));
}

function* lines(run: string, job: TrainingJob | null, progress: TrainingProgress | null): Generator<string> {
  yield run;
  if (job) {
    const reason = job.statusReason === null ? '' : ` (${job.statusReason})`;
    yield `  Batch     ${job.status.toLowerCase()}${reason}, attempt ${job.attempts}, job ${job.id}`;
  } else yield '  Batch     knows it no more';
  if (!progress) return;
  const step = progress.step === null ? '' : `, step ${progress.step}`;
  const loss = progress.loss === null ? '' : `, loss ${progress.loss.toPrecision(4)}`;
  yield `  training  ${progress.state}${step}${loss}, as of ${progress.updated_at}`;
}
