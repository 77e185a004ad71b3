/**
 * What is full first: for each resource of the flow, how much of it a job takes and how much there is with given settings, and so
 * how many jobs a day fit when the busiest hour is as busy as they come.
 */
import type { Settings } from '../../infra/settings';
import { PAPER } from './paper-values';

export interface Limit {
  readonly name: string;
  /** Jobs a day. */
  readonly full: number;
  /** What makes more of it: settings of infra/settings.ts, quotas of AWS. */
  readonly lift: string;
}

const DAY = 86_400;
/** Largest `gpu.max_gpus`. */
const MAX_GPUS = 1000;
const RECONCILE_SECONDS = 540;
const SWEEP_KEYS_A_DAY = (100_000 * 24 * 60) / 10;
/** A lost upload event should be found within it. */
const SWEEP_DAYS = 1;
/** Messages of one call, worked on side by side: infra/stages. */
const BATCH_SIZE = { validate: 1, submit: 5, track: 10, notify: 10 } as const;

export type StageWithQueue = keyof typeof BATCH_SIZE;

/** The fullest first. */
export function limitsOf(settings: Settings): Limit[] {
  const { gpu, lambda, retention } = settings;
  const messages = messagesPerJob();
  const stages = (Object.keys(BATCH_SIZE) as StageWithQueue[]).map((stage) => ({
    name: `${stage}: ${lambda.concurrency[stage]} calls at the same time`,
    full: atPeak(stageRate(stage, lambda.concurrency[stage]) / messages[stage]),
    lift: `lambda.concurrency.${stage}, up to 1000`,
  }));
  const kinds = gpu.capacity.length;
  const limits: Limit[] = [
    {
      name: `GPUs: ${gpu.max_gpus} of each kind of capacity`,
      full: jobsOnGpus(gpu.max_gpus * kinds),
      lift: 'gpu.max_gpus, with the EC2 quotas for G (or P) instances, Spot and On-Demand, in vCPUs',
    },
    {
      name: `GPUs: the largest gpu.max_gpus (${MAX_GPUS})`,
      full: jobsOnGpus(MAX_GPUS * kinds),
      lift: 'several stacks, in several regions',
    },
    ...stages,
    {
      name: 'one value of an index key (by_month, by_unsettled)',
      full: atPeak(PAPER.index_key_writes / (changes() * kibPerChange())),
      lift: 'nothing that can be set: see docs/scale.md',
    },
    {
      name: 'writes of the whole table',
      full: atPeak(PAPER.table_writes / (changes() * kibPerChange() * (1 + PAPER.indexes_of_a_job))),
      lift: 'DynamoDB quota "Table-level write throughput limit"',
    },
    { name: 'SubmitJob, 50 a second', full: atPeak(PAPER.submit_tps), lift: 'several accounts' },
    { name: 'Batch, jobs started a second (assumed)', full: atPeak(PAPER.dispatch_rate), lift: 'several stacks' },
    {
      name: 'Lambda, calls at the same time in the account',
      full: atPeak(PAPER.lambda_concurrency / callsPerJob()),
      lift: 'Lambda quota "Concurrent executions"',
    },
    {
      name: `reconcile: a whole look at the uploads within ${SWEEP_DAYS} day`,
      full: (SWEEP_KEYS_A_DAY * SWEEP_DAYS) / (retention.uploads_days * PAPER.objects_a_set),
      lift: 'retention.uploads_days; beyond it a lost upload event is found later, nothing else',
    },
    {
      name: 'reconcile: a look at every open job within its 9 minutes, ten minutes of waiting assumed',
      full: atPeak(RECONCILE_SECONDS / PAPER.reconcile_job_seconds / (jobSeconds() + 600)),
      lift: 'more GPUs, so that fewer jobs wait',
    },
  ];
  return limits.sort((a, b) => a.full - b.full);
}

/** Of a stage with so many calls at the same time: messages a second, at best. */
export function stageRate(stage: StageWithQueue, concurrency: number): number {
  const bySeconds = BATCH_SIZE[stage] / serviceSeconds(stage);
  const byProcessor = PAPER.handler_cores / PAPER.handler_cpu_seconds;
  return concurrency * (stage === 'validate' ? bySeconds : Math.min(bySeconds, byProcessor));
}

export function serviceSeconds(stage: StageWithQueue): number {
  return PAPER[`${stage}_seconds`];
}

export function messagesPerJob(): Record<StageWithQueue, number> {
  return { validate: 1, submit: 1, track: PAPER.batch_events, notify: PAPER.webhooks };
}

/** How many a stage needs for so many jobs a day, with a third to spare in the busiest hour; never fewer than `least`. */
export function concurrencyFor(stage: StageWithQueue, jobsADay: number, least: number): number {
  const messagesASecond = (jobsADay / DAY) * PAPER.peak_to_mean * messagesPerJob()[stage];
  return Math.max(least, Math.ceil((1.5 * messagesASecond) / stageRate(stage, 1)));
}

/** With a tenth to spare in the busiest hour. */
export function gpusFor(jobsADay: number): number {
  return Math.max(1, Math.ceil(((jobsADay / DAY) * PAPER.peak_to_mean * jobSeconds()) / 0.9));
}

/** What a job keeps a GPU for. */
function jobSeconds(): number {
  return PAPER.load_seconds + PAPER.work_seconds;
}

function jobsOnGpus(gpus: number): number {
  return atPeak(gpus / jobSeconds());
}

function changes(): number {
  return PAPER.progress_changes + PAPER.other_changes;
}

/** A change with an event is two writes: the change, and that its event is sent. */
function kibPerChange(): number {
  return PAPER.record_kib_with_event + PAPER.record_kib;
}

function callsPerJob(): number {
  const messages = messagesPerJob();
  return (Object.keys(BATCH_SIZE) as StageWithQueue[]).reduce(
    (sum, stage) => sum + messages[stage] / stageRate(stage, 1),
    0,
  );
}

/** Jobs a day, of so many a second in the busiest hour. */
function atPeak(jobsASecond: number): number {
  return (jobsASecond * DAY) / PAPER.peak_to_mean;
}
