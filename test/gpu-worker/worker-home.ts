/** A local deployment for tests of the worker: real ports in a folder, random models, and jobs that wait for their worker. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { JobLedger } from '../../clients/job-ledger';
import { openPorts } from '../../clients/open-ports';
import type { Ports } from '../../clients/ports';
import type { Deployment } from '../../contract/deployment';
import * as env from '../../contract/env';
import type { Job, JobId } from '../../contract/job';
import type { JobRecord } from '../../contract/job-record';
import { jobId, modelKey, resultKey, uploadKey } from '../../contract/keys';
import { parseManifest } from '../../contract/manifest';
import { type Report, ReportSchema } from '../../contract/report';
import { runJob, type WorkerExit, type WorkerOptions } from '../../gpu-worker/worker';
import { type RandomModelOptions, writeRandomModel } from '../random-model';
import { manifest, writeReferenceSet } from '../reference-set';

const WORKER = path.resolve(__dirname, '../../bin/worker.js');
const TENANT = 'studio';
export const BATCH_JOB_ID = 'batch-1';

export interface LogLine {
  readonly message: string;
  readonly [field: string]: unknown;
}

export interface JobChanges {
  readonly input?: Record<string, unknown>;
  /** Keys of job.json beside the input. */
  readonly manifest?: Record<string, unknown>;
  readonly record?: Partial<JobRecord>;
}

export class WorkerHome {
  private sets = 0;

  private constructor(
    readonly folder: string,
    readonly deployment: Deployment,
    readonly ports: Ports,
    readonly ledger: JobLedger,
  ) {}

  /** @param given a deployment that is there already; one in a folder of its own unless given. */
  static async open(given?: Deployment): Promise<WorkerHome> {
    const folder = mkdtempSync(path.join(tmpdir(), 'mv2id-worker-'));
    const deployment = given ?? { type: 'local', home: folder };
    const ports = await openPorts(deployment);
    const home = new WorkerHome(folder, deployment, ports, new JobLedger(ports));
    await home.addModel('random');
    return home;
  }

  async close(): Promise<void> {
    await this.ports.close();
    rmSync(this.folder, { recursive: true });
  }

  /** Puts a random model into the models bucket. */
  async addModel(name: string, options: RandomModelOptions = {}): Promise<void> {
    const dir = writeRandomModel(path.join(this.folder, 'made', name), options);
    for (const file of readdirSync(dir, { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue;
      const whole = path.join(file.parentPath, file.name);
      await this.ports.buckets.models.put(modelKey(name, path.relative(dir, whole)), { file: whole });
    }
  }

  /** Uploads a set, and makes the job that validation would have made of it; Batch has it already. */
  async addJob({ input = {}, manifest: changes = {}, record = {} }: JobChanges = {}): Promise<JobId> {
    const set = `set-${++this.sets}`;
    const folder = await writeReferenceSet(path.join(this.folder, 'made', set));
    const text = JSON.stringify({ ...manifest(input), ...changes });
    const images = [];
    for (const file of ['front.png', 'side.png']) {
      const bytes = readFileSync(path.join(folder, file));
      await this.ports.buckets.uploads.put(uploadKey(TENANT, set, file), bytes);
      images.push({ file, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') });
    }
    const bytes = new TextEncoder().encode(text);
    const id = jobId(TENANT, set, bytes);
    const created = new Date().toISOString();
    await this.ledger.create({
      id,
      job: queuedJob(id, set, created),
      manifest: parseManifest(bytes),
      webhook: null,
      images,
      uploaded_at: created,
      batch_job_id: null,
      attempt: 0,
      last_error: null,
      ...record,
    });
    await this.ledger.change(id, () => ({ status: 'submitted', record: { batch_job_id: BATCH_JOB_ID } }));
    return id;
  }

  /** Runs a worker in this process. */
  async run(id: JobId, changes: Partial<WorkerOptions> = {}): Promise<{ exit: WorkerExit; log: LogLine[] }> {
    const log: LogLine[] = [];
    const exit = await runJob({
      ...this.options(id),
      log: (message, about) => log.push({ message, ...about }),
      ...changes,
    });
    return { exit, log };
  }

  options(id: JobId): WorkerOptions {
    return {
      ports: this.ports,
      ledger: this.ledger,
      jobId: id,
      batchJobId: BATCH_JOB_ID,
      provider: 'cpu',
      numThreads: 1,
      modelCache: path.join(this.folder, 'model-cache'),
      workRoot: path.join(this.folder, 'work'),
      stop: new AbortController().signal,
      log: () => {},
    };
  }

  /** Runs a worker as Batch runs it. `onLine` sees every line of its log as it comes. */
  spawn(
    id: JobId,
    environment: NodeJS.ProcessEnv = {},
    onLine: (line: LogLine, worker: ChildProcess) => void = () => {},
    program = WORKER,
  ) {
    const worker = spawn(process.execPath, [program], {
      env: { ...process.env, ...this.environment(id), ...environment },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const log: LogLine[] = [];
    let rest = '';
    worker.stderr?.on('data', (data: Buffer) => {
      const lines = `${rest}${data}`.split('\n');
      rest = lines.pop() ?? '';
      for (const text of lines) {
        const line = lineOf(text);
        log.push(line);
        onLine(line, worker);
      }
    });
    return new Promise<{ exit: number | null; signal: string | null; log: LogLine[] }>((resolve) => {
      worker.on('close', (exit, signal) => resolve({ exit, signal, log }));
    });
  }

  /** What Batch gives a worker besides its own environment. */
  environment(id: JobId): NodeJS.ProcessEnv {
    const temporary = path.join(this.folder, 'tmp');
    mkdirSync(temporary, { recursive: true });
    return {
      TMPDIR: temporary,
      [env.DEPLOYMENT]: JSON.stringify(this.deployment),
      [env.JOB_ID]: id,
      [env.BATCH_JOB_ID]: BATCH_JOB_ID,
      [env.BATCH_JOB_ATTEMPT]: '1',
      [env.MODEL_CACHE]: path.join(this.folder, 'model-cache'),
      [env.THREADS]: '1',
    };
  }

  async record(id: JobId): Promise<JobRecord> {
    const record = await this.ports.jobs.get(id);
    if (!record) throw new Error(`${id} must be in the job table, got nothing.`);
    return record;
  }

  async job(id: JobId): Promise<Job> {
    return (await this.record(id)).job;
  }

  async report(id: JobId): Promise<Report> {
    return ReportSchema.parse(JSON.parse(await this.result(id, 'report.json')));
  }

  async result(id: JobId, file: string): Promise<string> {
    const object = await this.ports.buckets.results.get(resultKey(id, file));
    if (!object) throw new Error(`${file} must be among the results, got nothing.`);
    return Buffer.from(object.body).toString('utf8');
  }

  /** Names of everything in the job's results. */
  async results(id: JobId): Promise<string[]> {
    const prefix = resultKey(id, '');
    const files: string[] = [];
    for await (const { key } of this.ports.buckets.results.list(prefix)) files.push(key.slice(prefix.length));
    return files.sort();
  }

  /** SHA-256 of every video, by name. */
  async videos(id: JobId): Promise<Record<string, string>> {
    const { output } = await this.job(id);
    const videos = output.filter(({ content_type }) => content_type === 'video/mp4');
    return Object.fromEntries(videos.map(({ key, sha256 }) => [path.basename(key), sha256]));
  }

  /** The same of the videos without the job's own id, which stands in each: another job of the same content has the same. */
  async videosButForTheirId(id: JobId): Promise<Record<string, string>> {
    const { output } = await this.job(id);
    const videos = output.filter(({ content_type }) => content_type === 'video/mp4');
    const hashes = videos.map(async ({ key }) => {
      const object = await this.ports.buckets.results.get(key);
      if (!object) throw new Error(`${key} must be among the results, got nothing.`);
      const bytes = Buffer.from(object.body);
      const at = bytes.indexOf(id);
      if (at < 0) throw new Error(`${key} must name its job, got a video that does not.`);
      bytes.fill(0, at, at + id.length);
      return [path.basename(key), createHash('sha256').update(bytes).digest('hex')] as const;
    });
    return Object.fromEntries(await Promise.all(hashes));
  }
}

function lineOf(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return { message: text };
  }
}

function queuedJob(id: JobId, set: string, created: string): Job {
  return {
    schema_version: 1,
    id,
    status: 'queued',
    tenant: TENANT,
    set,
    model: 'random',
    progress: { percent: 0, step: 0, total_steps: 0, eta_seconds: null },
    input: null,
    reference_check: null,
    output: [],
    error: null,
    metrics: {
      queue_time: null,
      predict_time: null,
      total_time: null,
      attempts: 0,
      gpu_seconds: null,
      estimated_cost_usd: null,
    },
    attempts: [],
    metadata: {},
    created_at: created,
    submitted_at: null,
    started_at: null,
    completed_at: null,
    data_removed_at: null,
  };
}
