/**
 * Instances with one GPU each under AWS Batch: launched for jobs that wait, lost now and then, ended when idle. Who is next is the
 * share with the least use, which fades; within a share the oldest. A job whose instance is lost goes back to its share with what it
 * had saved.
 */
import { Heap } from './heap';
import type { Random } from './random';

export interface FleetOptions {
  readonly maxSpot: number;
  readonly maxOnDemand: number;
  /** From RUNNABLE to an instance that takes jobs. */
  readonly startSeconds: number;
  /** What the first job of an instance takes longer. */
  readonly weightsSeconds: number;
  /** What every attempt takes before its work begins. */
  readonly loadSeconds: number;
  readonly idleSeconds: number;
  readonly lossesPerHour: number;
  readonly checkpointSeconds: number;
  /** How use fades: 1/e after so long. */
  readonly shareDecaySeconds: number;
  readonly dispatchPerSecond: number;
  readonly launchPerSecond: number;
  readonly launchBurst: number;
  /** False: first come first served, whoever it is. */
  readonly isFair: boolean;
}

export interface FleetJob {
  /** When it became RUNNABLE, seconds. */
  readonly time: number;
  readonly share: number;
  readonly workSeconds: number;
}

export interface FleetFigures {
  /** Until each job first had a GPU, seconds. */
  readonly waits: Float64Array;
  /** When each job was done. */
  readonly ends: Float64Array;
  readonly peakInstances: number;
  /** From launch to end, of all instances. */
  readonly instanceSeconds: number;
  readonly onDemandSeconds: number;
  /** Of these: doing the work of a job. */
  readonly workSeconds: number;
  /** Starting, pulling the image, fetching and loading weights. */
  readonly coldSeconds: number;
  /** Work and loading done again after a loss. */
  readonly lostSeconds: number;
  readonly losses: number;
}

const HOUR = 3600;
const READY = 0;
const DONE = 1;
const LOST = 2;
const IDLE_END = 3;
const KINDS = 4;

interface Instance {
  readonly isSpot: boolean;
  readonly launchedAt: number;
  readonly lostAt: number;
  isFresh: boolean;
  job: number;
  startedAt: number;
  loadSeconds: number;
  /** Counts what it has done: an event of before means nothing. */
  epoch: number;
  isGone: boolean;
}

/** @param jobs by ascending time. */
export function runFleet(jobs: readonly FleetJob[], options: FleetOptions, random: Random): FleetFigures {
  return new Fleet(jobs, options, random).run();
}

class Fleet {
  private readonly waits: Float64Array;
  private readonly ends: Float64Array;
  private readonly remaining: Float64Array;
  private readonly hasStarted: Uint8Array;
  private readonly events = new Heap();
  private readonly instances: Instance[] = [];
  private readonly epochs: number[] = [];
  private readonly idle: number[] = [];
  private readonly queues = new Map<number, JobQueue>();
  private readonly use = new Map<number, number>();
  private waiting = 0;
  private starting = 0;
  private readonly running = { spot: 0, onDemand: 0 };
  private nextDispatch = 0;
  private tokens: number;
  private tokensAt = 0;
  /** When a limit of so many a second lets go on. */
  private wakeAt = Number.POSITIVE_INFINITY;
  private peak = 0;
  private instanceSeconds = 0;
  private onDemandSeconds = 0;
  private coldSeconds = 0;
  private lostSeconds = 0;
  private losses = 0;

  constructor(
    private readonly jobs: readonly FleetJob[],
    private readonly options: FleetOptions,
    private readonly random: Random,
  ) {
    this.waits = new Float64Array(jobs.length);
    this.ends = new Float64Array(jobs.length);
    this.remaining = Float64Array.from(jobs, ({ workSeconds }) => workSeconds);
    this.hasStarted = new Uint8Array(jobs.length);
    this.tokens = options.launchBurst;
  }

  run(): FleetFigures {
    let next = 0;
    while (next < this.jobs.length || this.events.size > 0 || this.waiting > 0) {
      const arrival = this.jobs[next]?.time ?? Number.POSITIVE_INFINITY;
      const now = Math.min(arrival, this.events.time, this.wakeAt);
      if (now === arrival) this.enqueue(next++);
      else if (now === this.wakeAt) this.wakeAt = Number.POSITIVE_INFINITY;
      else this.handle(this.events.pop(), now);
      this.dispatch(now);
      this.launch(now);
    }
    const workSeconds = this.jobs.reduce((sum, job) => sum + job.workSeconds, 0);
    return {
      waits: this.waits,
      ends: this.ends,
      peakInstances: this.peak,
      instanceSeconds: this.instanceSeconds,
      onDemandSeconds: this.onDemandSeconds,
      workSeconds,
      coldSeconds: this.coldSeconds,
      lostSeconds: this.lostSeconds,
      losses: this.losses,
    };
  }

  private enqueue(job: number, isBack = false): void {
    const share = this.options.isFair ? this.jobs[job]!.share : 0;
    let queue = this.queues.get(share);
    if (!queue) {
      queue = new JobQueue();
      this.queues.set(share, queue);
    }
    if (isBack) queue.giveBack(job);
    else queue.push(job);
    this.waiting++;
  }

  private handle(event: number, now: number): void {
    const kind = event % KINDS;
    const about = Math.floor(event / KINDS);
    const number = this.epochs[about]!;
    const instance = this.instances[number]!;
    if (kind === READY) {
      this.starting--;
      this.coldSeconds += now - instance.launchedAt;
      this.becomeIdle(number, now);
      this.schedule(instance.lostAt, LOST, number, true);
    } else if (kind === DONE) {
      if (instance.epoch !== about) return;
      this.ends[instance.job] = now;
      this.remaining[instance.job] = 0;
      instance.job = -1;
      this.becomeIdle(number, now);
    } else if (kind === LOST) {
      this.lose(number, now);
    } else if (kind === IDLE_END && instance.epoch === about && instance.job < 0) {
      this.retire(number, now);
    }
  }

  /** @param isForEver whether what the instance does meanwhile leaves the event as it is. */
  private schedule(time: number, kind: number, number: number, isForEver = false): void {
    if (!Number.isFinite(time)) return;
    const about = this.epochs.push(number) - 1;
    if (!isForEver) this.instances[number]!.epoch = about;
    this.events.push(time, about * KINDS + kind);
  }

  private becomeIdle(number: number, now: number): void {
    this.idle.push(number);
    this.schedule(now + this.options.idleSeconds, IDLE_END, number);
  }

  private dispatch(now: number): void {
    while (this.waiting > 0 && this.idle.length > 0) {
      if (now < this.nextDispatch) {
        this.wake(this.nextDispatch);
        return;
      }
      this.nextDispatch = now + 1 / this.options.dispatchPerSecond;
      this.start(this.nextJob(now), this.idle.pop()!, now);
    }
  }

  private wake(time: number): void {
    this.wakeAt = Math.min(this.wakeAt, time);
  }

  private nextJob(now: number): number {
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    for (const share of this.queues.keys()) {
      const use = this.use.get(share) ?? 0;
      if (use < least) [best, least] = [share, use];
    }
    const queue = this.queues.get(best)!;
    const job = queue.shift();
    if (queue.size === 0) this.queues.delete(best);
    this.waiting--;
    // Use of the past fades; as all of it fades alike, new use grows instead.
    const growth = Math.exp(now / this.options.shareDecaySeconds);
    this.use.set(best, least + (this.remaining[job]! + this.options.loadSeconds) * growth);
    return job;
  }

  /** An instance for every job that waits and has none on its way; Spot while there may be more of it. */
  private launch(now: number): void {
    const { maxSpot, maxOnDemand, startSeconds, lossesPerHour, launchPerSecond, launchBurst } = this.options;
    this.tokens = Math.min(launchBurst, this.tokens + (now - this.tokensAt) * launchPerSecond);
    this.tokensAt = now;
    while (this.waiting > this.starting) {
      const isSpot = this.running.spot < maxSpot;
      if (!isSpot && this.running.onDemand >= maxOnDemand) return;
      if (this.tokens < 1) {
        this.wake(now + (1 - this.tokens) / launchPerSecond + 1e-6);
        return;
      }
      this.tokens -= 1;
      const readyAt = now + startSeconds;
      const life =
        isSpot && lossesPerHour > 0 ? this.random.exponential(HOUR / lossesPerHour) : Number.POSITIVE_INFINITY;
      const number = this.instances.push({
        isSpot,
        launchedAt: now,
        lostAt: readyAt + life,
        isFresh: true,
        job: -1,
        startedAt: 0,
        loadSeconds: 0,
        epoch: -1,
        isGone: false,
      });
      this.schedule(readyAt, READY, number - 1, true);
      this.starting++;
      this.running[isSpot ? 'spot' : 'onDemand']++;
      this.peak = Math.max(this.peak, this.running.spot + this.running.onDemand);
    }
  }

  private start(job: number, number: number, now: number): void {
    const { weightsSeconds, loadSeconds } = this.options;
    const instance = this.instances[number]!;
    if (!this.hasStarted[job]) {
      this.hasStarted[job] = 1;
      this.waits[job] = now - this.jobs[job]!.time;
    }
    instance.job = job;
    instance.startedAt = now;
    instance.loadSeconds = loadSeconds + (instance.isFresh ? weightsSeconds : 0);
    instance.isFresh = false;
    this.coldSeconds += instance.loadSeconds;
    this.schedule(now + instance.loadSeconds + this.remaining[job]!, DONE, number);
  }

  private lose(number: number, now: number): void {
    const instance = this.instances[number]!;
    if (instance.lostAt !== now || instance.isGone) return;
    this.losses++;
    const { job } = instance;
    if (job >= 0) {
      const worked = Math.max(0, now - instance.startedAt - instance.loadSeconds);
      const redone = Math.min(worked, this.random.uniform() * this.options.checkpointSeconds);
      this.remaining[job]! -= worked - redone;
      // Its loading was for nothing, as far as it got.
      this.coldSeconds -= instance.loadSeconds;
      this.lostSeconds += redone + Math.min(now - instance.startedAt, instance.loadSeconds);
      instance.job = -1;
      this.enqueue(job, true);
    } else {
      this.idle.splice(this.idle.indexOf(number), 1);
    }
    this.end(instance, now);
  }

  private retire(number: number, now: number): void {
    this.idle.splice(this.idle.indexOf(number), 1);
    this.end(this.instances[number]!, now);
  }

  private end(instance: Instance, now: number): void {
    instance.isGone = true;
    // What it was about to do does not happen.
    instance.epoch = -1;
    const seconds = now - instance.launchedAt;
    this.instanceSeconds += seconds;
    if (!instance.isSpot) this.onDemandSeconds += seconds;
    this.running[instance.isSpot ? 'spot' : 'onDemand']--;
  }
}

/** First come first served; who comes back goes first. */
class JobQueue {
  private readonly jobs: number[] = [];
  private readonly returned: number[] = [];
  private head = 0;

  get size(): number {
    return this.jobs.length - this.head + this.returned.length;
  }

  push(job: number): void {
    this.jobs.push(job);
  }

  giveBack(job: number): void {
    this.returned.push(job);
  }

  shift(): number {
    return this.returned.pop() ?? this.jobs[this.head++]!;
  }
}
