/**
 * One job from download to delivery:
 *
 *   1 claim the job           so that no other attempt writes, and see that this machine can run it
 *   2 fetch the set           exactly the images that were validated
 *   3 fetch the model         into the cache that this machine's workers share
 *   4 find the checkpoint     of an attempt that was stopped
 *   5 generate                progress and checkpoints meanwhile
 *   6 report                  what the videos' faces are like, and how all came about
 *   7 deliver                 the files, then the job's success, which publishes job.json
 *   8 tidy up
 *
 * Three things end it early: a stop from outside, the job's own time limit, and another attempt or a cancel, found at any write. Once
 * the videos are made, only their delivery counts: a stop, or too long a look at the faces, ends that look.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { ForbiddenMove, type JobLedger } from '../clients/job-ledger';
import type { Ports } from '../clients/ports';
import { isTerminal, type JobId, type JobProgress } from '../contract/job';
import { REPORT_HTML_FILE_NAME, REPORT_JSON_FILE_NAME, videoFileName } from '../contract/keys';
import { DEFAULT_EXECUTION_TIMEOUT_SECONDS } from '../contract/limits';
import type { Manifest } from '../contract/manifest';
import { WORKER_DONE, type WORKER_INTERNAL, type WORKER_REJECTED, WORKER_RETRY } from '../contract/worker-exit';
import { Attempt, type Claimant, Superseded } from './attempt';
import { fingerprintOf } from './checkpoint';
import { CheckpointStore, deleteCheckpoints } from './checkpoint-store';
import { deleteResults, deliver } from './delivery';
import { DeadlineExceeded, failureOf } from './failure';
import type { GenerationRequest, GenerationResult } from './generate';
import { type Generation, startGeneration } from './generation';
import { DTYPE_OF_PROVIDER, seedOf } from './job-defaults';
import type { WorkerLog } from './log';
import { type MeasuredFaces, measureFaces } from './measure-faces';
import { type CachedModel, fetchModel } from './model-cache';
import type { Plan } from './plan';
import { ProgressWriter } from './progress-writer';
import type { SigningCredentials } from './provenance/content-credentials';
import { fetchReferences } from './reference-files';
import { describeGeneration, type Reported, renderReport } from './report';
import type { Provider } from './session';
import { stepsDone } from './snapshot';
import { Stopwatch } from './stopwatch';
import { writeWholeFile } from './whole-file';

export type WorkerExit = typeof WORKER_DONE | typeof WORKER_REJECTED | typeof WORKER_INTERNAL | typeof WORKER_RETRY;

export interface WorkerOptions {
  readonly ports: Ports;
  readonly ledger: JobLedger;
  readonly jobId: JobId;
  readonly batchJobId: string;
  /** From 1. */
  readonly batchAttempt?: number;
  /** What the job's cost is estimated from; not known unless given. */
  readonly place?: Pick<Claimant, 'capacity' | 'instanceType'>;
  readonly provider: Provider;
  /** Throws what is wrong with the provider on this machine, before anything is fetched; not asked unless given. */
  readonly checkProvider?: () => Promise<void>;
  /** Threads of an operator; the number of cores unless given. */
  readonly numThreads?: number;
  /** Shared by the workers of this machine. */
  readonly modelCache: string;
  /** The job's files lie in a folder of its own in here. */
  readonly workRoot: string;
  /** Aborted when the worker is to stop, at once and with its progress saved. */
  readonly stop: AbortSignal;
  readonly log: WorkerLog;
  /** Signs every file; nothing is signed without. */
  readonly credentials?: SigningCredentials;
  readonly now?: () => Date;
  /** Of an attempt; the manifest's, or 4 hours, unless given. */
  readonly executionTimeoutSeconds?: number;
  /** Least time between two progress writes; 2 unless given. */
  readonly progressSeconds?: number;
  /** Most time that faces are measured in; 60 unless given. */
  readonly measureSeconds?: number;
  /** Least time between two checkpoints, which are written after a step; 60 unless given. */
  readonly checkpointSeconds?: number;
}

const PROGRESS_SECONDS = 2;
/** What a host that vanishes costs at most, besides the step that was running. */
const CHECKPOINT_SECONDS = 60;
/** Batch kills 30 s after it has asked to stop. */
const SAVE_SECONDS = 20;
/** Of those 30 s, what is left to deliver finished videos in before a stop goes the way of every other. */
const DELIVERY_SECONDS = 8;
/** It takes seconds (docs/report.md); a video is better delivered without figures than late. */
const MEASURE_SECONDS = 60;

const UNKNOWN_PLACE = { capacity: null, instanceType: null };

/** Somebody outside wants this process to end. */
class StopRequested extends Error {
  override readonly name = 'StopRequested';
}

/** Runs the job as far as it gets. Never throws: the exit code says what is to be done about it. */
export function runJob(options: WorkerOptions): Promise<WorkerExit> {
  return new JobRun(options).run();
}

class JobRun {
  private readonly now: () => Date;
  private readonly watch = new Stopwatch();
  private attempt: Attempt | undefined;
  private checkpoints: CheckpointStore | undefined;
  private generation: Generation | undefined;
  private lastSaveAt = 0;
  private workFolder: string | undefined;
  /** Folders of this machine, and what users know them as. */
  private readonly places = new Map<string, string>();
  private readonly interruption: Promise<never>;
  private interrupt: (reason: Error) => void = () => {};
  private deadline: NodeJS.Timeout | undefined;
  /** Milliseconds since 1970. */
  private deadlineAt = Number.POSITIVE_INFINITY;
  /** Ends the look at the faces, while it lasts. */
  private measuring: AbortController | undefined;
  private stopTimer: NodeJS.Timeout | undefined;
  /** The race is decided: what is still under way must start nothing new. */
  private isEnding = false;

  constructor(private readonly options: WorkerOptions) {
    this.now = options.now ?? (() => new Date());
    this.interruption = new Promise((_, reject) => {
      this.interrupt = reject;
    });
    this.interruption.catch(() => {});
  }

  async run(): Promise<WorkerExit> {
    const { stop } = this.options;
    const onStop = () => this.requestStop();
    if (stop.aborted) onStop();
    stop.addEventListener('abort', onStop);
    try {
      await Promise.race([this.interruption, this.steps()]);
      return WORKER_DONE;
    } catch (error) {
      this.isEnding = true;
      this.generation?.cancel();
      return await this.endEarly(error);
    } finally {
      stop.removeEventListener('abort', onStop);
      clearTimeout(this.deadline);
      clearTimeout(this.stopTimer);
      this.attempt?.end();
      if (this.workFolder) await rm(this.workFolder, { recursive: true, force: true }).catch(() => {});
    }
  }

  private async steps(): Promise<void> {
    const { ports, ledger, jobId, batchJobId, batchAttempt, place = UNKNOWN_PLACE, log } = this.options;

    // 1 Claim the job
    const claimant = { batchJobId, ...place, ...(batchAttempt !== undefined && { batchAttempt }), now: this.now() };
    if (await ports.erasedJobs.get(jobId)) throw new Superseded(`${jobId} was erased.`);
    const attempt = await Attempt.claim(ledger, jobId, claimant);
    this.attempt = attempt;
    this.requireRunning();
    const { manifest } = attempt.record;
    if (!manifest) throw new Error(`${jobId} must have a manifest, got none.`);
    this.startDeadline(manifest);
    const { setFolder, outFolder } = await this.makeWorkFolder(attempt);
    log('The job is claimed', { attempt: attempt.number });
    await this.options.checkProvider?.();
    this.requireRunning();

    // 2 Fetch the set
    await this.watch.time('fetch_set', () => fetchReferences(ports.buckets.uploads, attempt.record, setFolder));

    // 3 Fetch the model
    this.requireRunning();
    const model = await this.watch.time('fetch_model', () => this.fetchModel(manifest));

    // 4 Find the checkpoint
    const request = this.generationRequest(manifest, model, setFolder, outFolder);
    const checkpoint = await this.findCheckpoint(attempt, request, model);

    // 5 Generate
    this.requireRunning();
    const result = await this.generate(attempt, { ...request, checkpoint });

    // 6 Report
    const measured = await this.measureFaces(manifest, request, result);
    await this.writeReports({
      jobId,
      manifest,
      model,
      request,
      result,
      consent: await ports.consents.get(jobId),
      measured,
      timingsSeconds: this.watch.seconds(),
      attempts: attempt.number,
      createdAt: this.now(),
    });

    // 7 Deliver
    const output = await deliver({
      results: ports.buckets.results,
      jobId,
      outFolder,
      files: result.files,
      references: result.references,
      requireOwn: () => {
        this.requireRunning();
        return attempt.requireOwn();
      },
    });
    this.requireRunning();
    const totalSteps = result.plan.input.steps * result.plan.input.num_outputs;
    const progress = { percent: 100, step: totalSteps, total_steps: totalSteps, eta_seconds: 0 };
    await attempt.change({ status: 'succeeded', job: { input: result.plan.input, output, progress } });
    log('The job has succeeded', { ...this.watch.seconds() });

    // 8 Tidy up
    await this.tidyUp();
  }

  /** Finished videos are delivered first, if that is soon done. */
  private requestStop(): void {
    const reason = new StopRequested('The worker is to stop.');
    if (this.measuring) {
      this.measuring.abort(reason);
      this.stopTimer = setTimeout(() => this.interrupt(reason), DELIVERY_SECONDS * 1000);
    } else this.interrupt(reason);
  }

  private requireRunning(): void {
    if (this.isEnding) throw new Superseded('The attempt is ending.');
  }

  private startDeadline(manifest: Manifest): void {
    const { executionTimeoutSeconds } = this.options;
    const given = executionTimeoutSeconds ?? manifest.policy?.execution_timeout_seconds;
    const seconds = given ?? DEFAULT_EXECUTION_TIMEOUT_SECONDS;
    this.deadlineAt = Date.now() + seconds * 1000;
    this.deadline = setTimeout(() => this.interrupt(new DeadlineExceeded(seconds)), seconds * 1000);
  }

  private async makeWorkFolder({ jobId, number }: Attempt) {
    const { workRoot } = this.options;
    await mkdir(workRoot, { recursive: true });
    // What an earlier attempt left that was killed here.
    for (const name of await readdir(workRoot)) {
      if (name.startsWith(`mv2id-${jobId}-`)) await rm(path.join(workRoot, name), { recursive: true, force: true });
    }
    this.workFolder = path.join(workRoot, `mv2id-${jobId}-${number}`);
    const setFolder = path.join(this.workFolder, 'set');
    const outFolder = path.join(this.workFolder, 'out');
    await mkdir(outFolder, { recursive: true });
    this.places.set(`${setFolder}${path.sep}`, '').set(`${outFolder}${path.sep}`, '');
    return { setFolder, outFolder };
  }

  private async fetchModel({ model: name }: Manifest): Promise<CachedModel> {
    const { ports, modelCache } = this.options;
    const model = await fetchModel({
      bucket: ports.buckets.models,
      model: name,
      cacheFolder: modelCache,
      now: this.now,
    });
    this.places.set(model.dir, name);
    return model;
  }

  private generationRequest(
    manifest: Manifest,
    model: CachedModel,
    setFolder: string,
    outFolder: string,
  ): GenerationRequest {
    const { jobId, provider, numThreads, credentials } = this.options;
    return {
      modelDir: model.dir,
      setFolder,
      manifest,
      seed: seedOf(jobId),
      outFolder,
      session: { provider, numThreads },
      computeDtype: DTYPE_OF_PROVIDER[provider],
      origin: { jobId, model: manifest.model, modelSha256: model.sha256 },
      ...(credentials && { credentials }),
    };
  }

  private async findCheckpoint({ record }: Attempt, request: GenerationRequest, model: CachedModel) {
    const { ports, jobId, log, provider } = this.options;
    const { manifest, seed, computeDtype } = request;
    const imagesSha256 = record.images.map(({ sha256 }) => sha256);
    const modelSha256 = model.sha256;
    const fingerprint = fingerprintOf({ manifest, seed, imagesSha256, modelSha256, computeDtype, provider });
    this.checkpoints = new CheckpointStore(ports.buckets.results, jobId, fingerprint);
    const snapshot = await this.checkpoints.load((reason) => {
      log('The checkpoint is not used: the job starts from its beginning', { reason });
    });
    if (snapshot) log('The job goes on from its checkpoint', { steps: stepsDone(snapshot) });
    return snapshot;
  }

  private async generate(attempt: Attempt, request: GenerationRequest): Promise<GenerationResult> {
    const { log, progressSeconds = PROGRESS_SECONDS } = this.options;
    // The first write stands before all progress, and before the success.
    let started: Promise<void> = Promise.resolve();
    const progress = new ProgressWriter({
      intervalSeconds: progressSeconds,
      now: this.now,
      write: (value) => started.then(() => this.writeProgress(attempt, value)),
    });
    this.lastSaveAt = this.now().getTime();
    const generation = startGeneration(request, (event) => {
      progress.onEvent(event);
      switch (event.type) {
        case 'planned':
          started = this.startProcessing(attempt, event.plan, request);
          started.catch((error: Error) => this.interrupt(error));
          break;
        case 'phase':
          this.watch.enter(event.phase);
          break;
        case 'step':
          log('A step is done', { step: event.step, total_steps: event.totalSteps });
          this.saveIfDue(attempt);
          break;
        case 'frames':
          break;
        case 'notice':
          log('Notice', { message: event.message });
          break;
        default:
          event satisfies never;
      }
    });
    this.generation = generation;
    const result = await generation.result;
    this.watch.leave();
    await started;
    return result;
  }

  private async startProcessing(attempt: Attempt, { input }: Plan, { checkpoint }: GenerationRequest): Promise<void> {
    const total_steps = input.steps * input.num_outputs;
    const progress = { percent: 0, step: checkpoint ? stepsDone(checkpoint) : 0, total_steps, eta_seconds: null };
    await attempt.change({ status: 'processing', job: { input, progress } });
    this.options.log('The job is being processed');
  }

  /** Progress that cannot be written now is made up for by the next; an attempt that may not write any more ends. */
  private async writeProgress(attempt: Attempt, progress: JobProgress): Promise<void> {
    try {
      await attempt.change({ job: { progress } });
    } catch (error) {
      if (isSuperseded(error)) this.interrupt(error);
      else this.options.log('Progress is not written', { error: String(error) });
    }
  }

  private saveIfDue(attempt: Attempt): void {
    const { checkpointSeconds = CHECKPOINT_SECONDS } = this.options;
    const nowMs = this.now().getTime();
    if (this.isEnding || nowMs - this.lastSaveAt < checkpointSeconds * 1000) return;
    this.lastSaveAt = nowMs;
    // Asked again afterwards: a job that was erased meanwhile must leave no checkpoint.
    const save = attempt.requireOwn().then(async () => {
      await this.saveCheckpoint();
      await attempt.requireOwn();
    });
    save.catch((error: Error) => {
      if (isSuperseded(error)) this.interrupt(error);
      else this.options.log('The checkpoint is not written', { error: String(error) });
    });
  }

  private async saveCheckpoint(): Promise<void> {
    const { generation, checkpoints } = this;
    if (!generation || !checkpoints) return;
    const snapshot = generation.snapshot();
    if (await checkpoints.save(snapshot)) this.options.log('A checkpoint is written', { steps: stepsDone(snapshot) });
  }

  /** A video whose faces cannot be measured is as good as any. */
  private async measureFaces(
    manifest: Manifest,
    { modelDir, setFolder, outFolder }: GenerationRequest,
    { latentsSha256 }: GenerationResult,
  ): Promise<MeasuredFaces | null> {
    const videos = latentsSha256.map((_, i) => path.join(outFolder, videoFileName(i)));
    const measuring = new AbortController();
    const requireRunning = () => {
      this.requireRunning();
      measuring.signal.throwIfAborted();
    };
    // Of what is left of the job's time, half stays for the delivery.
    const leftSeconds = (this.deadlineAt - Date.now()) / 1000;
    const seconds = Math.min(this.options.measureSeconds ?? MEASURE_SECONDS, leftSeconds / 2);
    const timer = setTimeout(
      () => measuring.abort(new Error(`Measuring must take at most ${Math.round(seconds)} s.`)),
      seconds * 1000,
    );
    this.measuring = measuring;
    this.options.log('The faces are being measured');
    try {
      return await this.watch.time('measure_faces', () =>
        measureFaces({ modelDir, manifest, setFolder, videos, requireRunning }),
      );
    } catch (error) {
      if (isSuperseded(error)) throw error;
      this.options.log('Notice', { message: `The faces are not measured: ${(error as Error).message}` });
      return null;
    } finally {
      clearTimeout(timer);
      this.measuring = undefined;
    }
  }

  private async writeReports(reported: Reported): Promise<void> {
    const { outFolder } = reported.request;
    const report = await describeGeneration(reported);
    await writeWholeFile(path.join(outFolder, REPORT_JSON_FILE_NAME), `${JSON.stringify(report, null, 2)}\n`);
    await writeWholeFile(path.join(outFolder, REPORT_HTML_FILE_NAME), await renderReport(report, reported));
  }

  /** What nobody needs once the job is over; a failure to remove it is none of the job. */
  private async tidyUp(): Promise<void> {
    const { ports, jobId, log } = this.options;
    await this.checkpoints?.settled();
    await deleteCheckpoints(ports.buckets.results, jobId).catch((error: Error) => {
      log('The checkpoint is not deleted', { error: error.message });
    });
  }

  private async endEarly(error: unknown): Promise<WorkerExit> {
    const { log } = this.options;
    if (error instanceof StopRequested) return this.stop();
    if (isSuperseded(error)) return this.leave(error);
    const failure = failureOf(error, this.places);
    log('The attempt has failed', { error: failure.error, stack: (error as Error).stack });
    try {
      if (!this.attempt) return failure.exit;
      const { status } = failure;
      await this.attempt.change(
        status === null ? { record: { last_error: failure.error } } : { status, job: { error: failure.error } },
      );
      if (status !== null) await this.tidyUp();
    } catch (second) {
      // Also where the job had succeeded, and only what follows from it went wrong.
      if (isSuperseded(second)) return this.leave(second);
      log('The failure is not written', { error: String(second) });
    }
    return failure.exit;
  }

  /** Another attempt has the job, or it is over; then nobody needs its checkpoint. */
  private async leave(reason: Error): Promise<WorkerExit> {
    const { ports, jobId, log } = this.options;
    log('Nothing is left to do', { reason: reason.message });
    const record = await ports.jobs.get(jobId).catch(() => undefined);
    if (record && isTerminal(record.job.status)) await this.tidyUp();
    // Erased: what this attempt has delivered or saved since goes too.
    if (record === null && (await ports.erasedJobs.get(jobId))) {
      await this.checkpoints?.settled();
      await deleteResults(ports.buckets.results, jobId);
    }
    return WORKER_DONE;
  }

  /** The running step is not waited for: what counts is the snapshot after the last one. */
  private async stop(): Promise<WorkerExit> {
    const { log } = this.options;
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<WorkerExit>((resolve) => {
      timer = setTimeout(() => resolve(WORKER_RETRY), SAVE_SECONDS * 1000);
    });
    const saved = (async (): Promise<WorkerExit> => {
      try {
        await this.attempt?.requireOwn();
        await this.saveCheckpoint();
        await this.attempt?.requireOwn();
      } catch (error) {
        if (isSuperseded(error)) return this.leave(error);
        log('The checkpoint is not written', { error: String(error) });
      }
      return WORKER_RETRY;
    })();
    const exit = await Promise.race([saved, timeout]);
    clearTimeout(timer);
    log('The worker stops', { exit });
    return exit;
  }
}

function isSuperseded(error: unknown): error is Error {
  return error instanceof Superseded || error instanceof ForbiddenMove;
}
