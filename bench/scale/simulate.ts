/** One day of the whole flow, job by job: from the upload of job.json until a GPU works on it. */
import { createHash } from 'node:crypto';
import type { Settings } from '../../infra/settings';
import { type Demand, drawDemand, type Tenants } from './demand';
import { type FleetJob, runFleet } from './fleet';
import { concurrencyFor, gpusFor, type StageWithQueue, serviceSeconds, stageRate } from './limits';
import { PAPER } from './paper-values';
import { Random } from './random';
import { type ServersOptions, serve } from './servers';

export interface Quantiles {
  readonly p50: number;
  readonly p95: number;
}

export interface DayFigures {
  /** From the upload until Batch has the job, seconds. */
  readonly flow: Quantiles;
  /** The same, of all tenants that have under a hundredth of the jobs. */
  readonly smallFlow: Quantiles;
  /** From Batch to a GPU, seconds. */
  readonly gpuWait: Quantiles;
  /** The same, of the largest tenant, and of the small ones. */
  readonly largestWait: Quantiles;
  readonly smallWait: Quantiles;
  /** The most at the same time. */
  readonly gpus: number;
  /** Of the time that instances are paid for: no job on them, or none of its work done. */
  readonly idleShare: number;
  readonly coldShare: number;
  readonly lostShare: number;
  readonly lossesPerHundredJobs: number;
  /** Jobs that have no GPU yet at the end of the day. */
  readonly backlog: number;
}

const DAY = 86_400;
const SHARES = 256;
const SMALL = 0.01;
/** SQS: a tenant with more than a tenth of what is being worked on gives way in a fair queue. */
const NOISY = 0.1;
/** Infra/gpu/gpu-compute.ts. */
const SHARE_DECAY_SECONDS = 3600;

/** Settings with as many GPUs and calls as the load asks for, and the defaults where they do. */
export function settingsFor(jobsADay: number, settings: Settings): Settings {
  const { gpu, lambda } = settings;
  const of = (stage: StageWithQueue) => Math.min(1000, concurrencyFor(stage, jobsADay, lambda.concurrency[stage]));
  const concurrency = { validate: of('validate'), submit: of('submit'), track: of('track'), notify: of('notify') };
  const max_gpus = Math.max(gpu.max_gpus, gpusFor(jobsADay));
  return { ...settings, gpu: { ...gpu, max_gpus }, lambda: { ...lambda, concurrency } };
}

export function simulateDay(
  jobsADay: number,
  tenants: Tenants,
  settings: Settings,
  { seed = 1, isFair = true }: { readonly seed?: number; readonly isFair?: boolean } = {},
): DayFigures {
  const random = new Random(seed);
  const demand = drawDemand(jobsADay, tenants, random);
  const submitted = throughStages(demand, tenants, settings, random);
  const order = inOrderOf(submitted);
  const work = () => random.lognormal(PAPER.work_seconds, PAPER.work_deviation);
  const jobs = Array.from(
    order,
    (i): FleetJob => ({ time: submitted[i]!, share: shareOf(demand.tenants[i]!), workSeconds: work() }),
  );
  const kinds = settings.gpu.capacity;
  const fleet = runFleet(
    jobs,
    {
      maxSpot: kinds.includes('spot') ? settings.gpu.max_gpus : 0,
      maxOnDemand: kinds.includes('on_demand') ? settings.gpu.max_gpus : 0,
      startSeconds: PAPER.scale_up_seconds + PAPER.boot_seconds + PAPER.image_pull_seconds,
      weightsSeconds: PAPER.weights_seconds,
      loadSeconds: PAPER.load_seconds,
      idleSeconds: Math.max(PAPER.scale_down_seconds, settings.gpu.keep_warm_minutes * 60),
      lossesPerHour: PAPER.spot_losses,
      checkpointSeconds: PAPER.checkpoint_seconds,
      shareDecaySeconds: SHARE_DECAY_SECONDS,
      dispatchPerSecond: PAPER.dispatch_rate,
      launchPerSecond: PAPER.launch_rate,
      launchBurst: PAPER.launch_burst,
      isFair,
    },
    random,
  );
  const flow = submitted.map((time, i) => time - demand.times[i]!);
  const isSmall = (i: number) => tenants.shares[demand.tenants[order[i]!]!]! < SMALL;
  const isLargest = (i: number) => demand.tenants[order[i]!] === 0;
  const { waits, instanceSeconds } = fleet;
  return {
    flow: quantiles(flow),
    smallFlow: quantiles(flow.filter((_, i) => tenants.shares[demand.tenants[i]!]! < SMALL)),
    gpuWait: quantiles(waits),
    largestWait: quantiles(waits.filter((_, i) => isLargest(i))),
    smallWait: quantiles(waits.filter((_, i) => isSmall(i))),
    gpus: fleet.peakInstances,
    idleShare: 1 - (fleet.workSeconds + fleet.coldSeconds + fleet.lostSeconds) / instanceSeconds,
    coldShare: fleet.coldSeconds / instanceSeconds,
    lostShare: fleet.lostSeconds / instanceSeconds,
    lossesPerHundredJobs: (100 * fleet.losses) / jobsADay,
    backlog: jobs.reduce((sum, { time }, i) => sum + (time < DAY && time + waits[i]! > DAY ? 1 : 0), 0),
  };
}

/** @returns when Batch has each job. */
function throughStages(
  demand: Demand,
  { shares }: Tenants,
  { lambda: { concurrency } }: Settings,
  random: Random,
): Float64Array {
  const announced = demand.times.map((time) => time + random.exponential(PAPER.event_seconds));
  // EventBridge cannot tell tenants apart, so this queue is first come, first served; the next one is fair.
  const validated = pass(announced, 'validate', concurrency.validate, random);
  return pass(validated, 'submit', concurrency.submit, random, {
    ratePerSecond: PAPER.submit_tps,
    givesWay: (i) => shares[demand.tenants[i]!]! > NOISY,
  });
}

/** One after the other through a stage; whoever is done first is first in the next. */
function pass(
  times: Float64Array,
  stage: StageWithQueue,
  concurrency: number,
  random: Random,
  { ratePerSecond, givesWay }: Pick<ServersOptions, 'ratePerSecond' | 'givesWay'> = {},
): Float64Array {
  const order = inOrderOf(times);
  // A call works on several messages side by side, as far as its share of a processor goes.
  const servers = Math.max(1, Math.round(stageRate(stage, concurrency) * serviceSeconds(stage)));
  const sorted = Float64Array.from(order, (i) => times[i]!);
  const { done } = serve(sorted, {
    servers,
    service: () => random.lognormal(serviceSeconds(stage), 0.5),
    ...(ratePerSecond !== undefined && { ratePerSecond }),
    ...(givesWay && { givesWay: (at) => givesWay(order[at]!) }),
  });
  const result = new Float64Array(times.length);
  for (const [at, i] of order.entries()) result[i] = done[at]!;
  return result;
}

function inOrderOf(times: Float64Array): Uint32Array {
  return Uint32Array.from(times.keys()).sort((a, b) => times[a]! - times[b]!);
}

/** As clients/aws/aws-batch.ts does. */
function shareOf(tenant: number): number {
  return createHash('sha256').update(`tenant${tenant}`).digest().readUInt32BE(0) % SHARES;
}

function quantiles(values: Float64Array): Quantiles {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return { p50: at(0.5), p95: at(0.95) };
}
