/**
 * `mv2id generate`: reads the set, generates on a thread, and puts the results into the out folder when they are complete.
 *
 * Until then everything lies in a hidden folder beside them, so an interrupted run leaves neither a half file nor a broken set
 * of old and new ones; job.json comes last.
 */
import { access, mkdir, mkdtemp, rm, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { fieldError, mustBe } from '../contract/field-error';
import { type Job, type JobOutput, JobSchema } from '../contract/job';
import { JOB_FILE_NAME, jobId, resultKey } from '../contract/keys';
import { type Manifest, parseManifest } from '../contract/manifest';
import { JobRejected } from '../contract/rejection';
import { sha256OfFile } from '../gpu-worker/file-hash';
import type { GenerationEvent, GenerationResult, Phase } from '../gpu-worker/generate';
import { type Generation, startGeneration } from '../gpu-worker/generation';
import { DTYPE_OF_PROVIDER, seedOf } from '../gpu-worker/job-defaults';
import { byteText } from '../gpu-worker/memory';
import type { FloatDType } from '../gpu-worker/onnx/graph';
import { peakMemoryBytes } from '../gpu-worker/peak-memory';
import type { Plan } from '../gpu-worker/plan';
import { credentialsFromEnv } from '../gpu-worker/provenance/credentials-from-env';
import type { Provider } from '../gpu-worker/session';
import { writeWholeFile } from '../gpu-worker/whole-file';
import { UsageError } from './exit-code';
import { checkFaces } from './face-check';
import { HOME } from './home';
import { createProgress, type Progress, seconds } from './progress';
import { earlierResult, putInPlace } from './put-in-place';
import { readImages, readManifestFile } from './reference-folder';
import { LOCAL_TENANT, setNameOf } from './set-name';
import type { Streams } from './streams';

export interface GenerateOptions {
  readonly model?: string;
  readonly out?: string;
  readonly seed?: number;
  readonly steps?: number;
  readonly noise?: string;
  readonly provider: Provider;
  readonly dtype?: FloatDType;
  readonly threads?: number;
}

const PHASE_LABELS: Record<Phase, string> = {
  prepare_references: 'Preparing the references',
  encode_prompt: 'Encoding the prompt',
  encode_references: 'Encoding the references',
  denoise: 'Denoising',
  decode: 'Decoding',
};

/** @throws whatever makes the job impossible; see exit-code.ts. */
export async function runGenerate(
  setFolder: string,
  options: GenerateOptions,
  { stdout, stderr }: Streams,
): Promise<void> {
  const startedAt = new Date();
  const { manifest, bytes } = await readManifest(setFolder, options);
  const set = setNameOf(setFolder);
  const id = jobId(LOCAL_TENANT, set, bytes);
  const modelDir = options.model ?? (await bundledModel(manifest.model));
  const credentials = await credentialsFromEnv();
  await noteFindings(setFolder, manifest, stderr);
  // Reading every weight once more, to tell which they are, takes a minute for a large model; a deployment knows it from the upload.
  const origin = { jobId: id, model: manifest.model, modelSha256: null };
  const outFolder = path.resolve(options.out ?? path.join('out', path.basename(path.resolve(setFolder))));
  // Told before hours are spent on it.
  await earlierResult(outFolder);
  const { workFolder, isNew } = await makeWorkFolder(outFolder);
  const progress = createProgress(stderr);
  const phases = new PhaseClock();
  let releaseSignals = () => {};
  try {
    const generation = startGeneration(
      {
        modelDir,
        setFolder,
        manifest,
        seed: seedOf(id),
        outFolder: workFolder,
        session: { provider: options.provider, numThreads: options.threads },
        computeDtype: options.dtype ?? DTYPE_OF_PROVIDER[options.provider],
        origin,
        ...(credentials && { credentials }),
        noiseFile: options.noise,
      },
      (event) => {
        showEvent(event, path.basename(path.resolve(modelDir)), progress);
        if (event.type === 'phase') phases.enter(event.phase);
      },
    );
    releaseSignals = stopOnSignals(generation, progress, workFolder);
    const result = await generation.result;
    phases.leave();
    progress.end();
    const job = await describeJob({ id, set, manifest, result, workFolder, startedAt });
    await writeWholeFile(path.join(workFolder, JOB_FILE_NAME), `${JSON.stringify(job, null, 2)}\n`);
    const files = [...madeFiles(result).map(({ file }) => file), JOB_FILE_NAME];
    await putInPlace(workFolder, outFolder, files);
    await showResult({ stdout, outFolder, files, plan: result.plan, phases, startedAt });
  } finally {
    progress.end();
    await rm(workFolder, { recursive: true, force: true });
    // Gone again if this run made it and put nothing there.
    if (isNew) await rmdir(outFolder).catch(() => {});
    releaseSignals();
  }
}

/** The manifest with the command line's seed and steps in place of its own, and the bytes that the job id derives from. */
async function readManifest(setFolder: string, { seed, steps }: GenerateOptions) {
  const bytes = await readManifestFile(setFolder);
  const manifest = parseManifest(bytes);
  if (seed === undefined && steps === undefined) return { manifest, bytes };
  const input = { ...manifest.input, ...(seed !== undefined && { seed }), ...(steps !== undefined && { steps }) };
  const changed: Manifest = { ...manifest, input };
  return { manifest: changed, bytes: new TextEncoder().encode(JSON.stringify(changed)) };
}

/** Nothing is spent here but the own time, so what validation would reject is made all the same, and told. */
async function noteFindings(setFolder: string, { reference_set }: Manifest, stderr: Streams['stderr']): Promise<void> {
  try {
    const images = await readImages(setFolder, reference_set.images);
    const { check } = await checkFaces(images, reference_set.accept);
    const untold = check.findings.filter(({ accepted }) => !accepted);
    for (const { message } of untold) stderr.write(`Note: ${message}\n`);
  } catch (error) {
    // The generation says what is wrong with the images; it may need no model that looks at faces.
    if (!(error instanceof JobRejected)) stderr.write(`Note: The faces are not checked: ${(error as Error).message}\n`);
  }
}

async function bundledModel(model: string): Promise<string> {
  const dir = path.join(HOME, 'models', model);
  await access(dir).catch(() => {
    const rule = 'a directory under models/, or --model must name one';
    throw new JobRejected('invalid_manifest', [fieldError('model', rule, model)]);
  });
  return dir;
}

async function makeWorkFolder(outFolder: string): Promise<{ workFolder: string; isNew: boolean }> {
  try {
    const isNew = (await mkdir(outFolder, { recursive: true })) !== undefined;
    return { workFolder: await mkdtemp(path.join(outFolder, '.partial-')), isNew };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT') throw error;
    throw new UsageError(mustBe('--out', 'a folder that can be written to', `${outFolder} (${code})`).message);
  }
}

/** Ctrl-C stops after the running step; a second one at once. */
function stopOnSignals(generation: Generation, progress: Progress, workFolder: string): () => void {
  let isStopping = false;
  const stop = (signal: NodeJS.Signals) => {
    if (isStopping) {
      void rm(workFolder, { recursive: true, force: true }).finally(() => dieBy(signal));
      return;
    }
    isStopping = true;
    progress.note('Stopping after this step (again: at once) ...');
    generation.cancel();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return () => {
    // A second signal may still come while the process ends, and must find the same code.
    if (isStopping) return;
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  };
}

/** Exiting would wait for, or crash with, the thread that is inside the runtime; the signal itself ends everything at once. */
function dieBy(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

function showEvent(event: GenerationEvent, model: string, progress: Progress): void {
  switch (event.type) {
    case 'planned': {
      const { input, numReferences } = event.plan;
      const size = `${input.width} x ${input.height}, ${input.num_frames} frames at ${input.fps} fps`;
      progress.note(`${model}: ${size}, ${input.steps} steps, ${numReferences} references, seed ${input.seed}`);
      progress.note(`Needs about ${byteText(event.memory.peak)} of memory.`);
      break;
    }
    case 'phase':
      progress.begin(PHASE_LABELS[event.phase]);
      break;
    case 'step':
      progress.update(event.step, event.totalSteps, 'step');
      break;
    case 'frames':
      progress.update(event.frames, event.totalFrames, 'frame');
      break;
    case 'notice':
      progress.note(`Note: ${event.message}`);
      break;
    default:
      event satisfies never;
  }
}

interface Described {
  readonly id: Job['id'];
  readonly set: string;
  readonly manifest: Manifest;
  readonly result: GenerationResult;
  readonly workFolder: string;
  readonly startedAt: Date;
}

type MadeFile = Pick<GenerationResult['files'][number], 'file' | 'width' | 'height' | 'durationSeconds'> & {
  readonly contentType: string;
};

/** In the order of the service's results. */
function madeFiles({ files, references }: GenerationResult): MadeFile[] {
  const fed = references.flatMap((reference) => reference.fed ?? []);
  return [...files, ...fed.map((file) => ({ ...file, contentType: 'image/png', durationSeconds: null }))];
}

/** The job object of a job that succeeded here. */
async function describeJob({ id, set, manifest, result, workFolder, startedAt }: Described): Promise<Job> {
  const completedAt = new Date();
  const elapsed = (completedAt.getTime() - startedAt.getTime()) / 1000;
  const { input } = result.plan;
  const output: JobOutput[] = [];
  for (const file of madeFiles(result)) {
    output.push({
      url: null,
      key: resultKey(id, file.file),
      content_type: file.contentType,
      size: (await stat(path.join(workFolder, file.file))).size,
      sha256: await sha256OfFile(path.join(workFolder, file.file)),
      width: file.width,
      height: file.height,
      duration_seconds: file.durationSeconds,
      expires_at: null,
    });
  }
  return JobSchema.parse({
    schema_version: 1,
    id,
    status: 'succeeded',
    tenant: LOCAL_TENANT,
    set,
    model: manifest.model,
    progress: { percent: 100, step: input.steps, total_steps: input.steps, eta_seconds: 0 },
    input,
    output,
    error: null,
    metrics: {
      queue_time: 0,
      predict_time: elapsed,
      total_time: elapsed,
      attempts: 1,
      gpu_seconds: elapsed,
      estimated_cost_usd: 0,
    },
    attempts: [
      {
        number: 1,
        started_at: startedAt.toISOString(),
        stopped_at: completedAt.toISOString(),
        reason: null,
        capacity: 'local',
        instance_type: null,
      },
    ],
    metadata: manifest.metadata ?? {},
    created_at: startedAt.toISOString(),
    submitted_at: startedAt.toISOString(),
    started_at: startedAt.toISOString(),
    completed_at: completedAt.toISOString(),
  });
}

/** How long each phase took. */
class PhaseClock {
  readonly durations = new Map<Phase, number>();
  private current: { phase: Phase; since: number } | undefined;

  enter(phase: Phase): void {
    this.leave();
    this.current = { phase, since: performance.now() };
  }

  leave(): void {
    if (this.current) this.durations.set(this.current.phase, (performance.now() - this.current.since) / 1000);
    this.current = undefined;
  }
}

interface Shown {
  readonly stdout: Streams['stdout'];
  readonly outFolder: string;
  readonly files: readonly string[];
  readonly plan: Plan;
  readonly phases: PhaseClock;
  readonly startedAt: Date;
}

async function showResult({ stdout, outFolder, files, plan, phases, startedAt }: Shown): Promise<void> {
  const total = (Date.now() - startedAt.getTime()) / 1000;
  const denoising = phases.durations.get('denoise') ?? 0;
  const steps = plan.input.steps * plan.input.num_outputs;
  const parts = [...phases.durations].map(
    ([phase, duration]) => `${PHASE_LABELS[phase].toLowerCase()} ${seconds(duration)}`,
  );
  stdout.write(`${seconds(total)} in all: ${parts.join(', ')} (${seconds(denoising / steps)} a step)\n`);
  stdout.write(`Peak memory ${byteText(peakMemoryBytes())}\n`);
  for (const file of files) {
    const whole = path.join(outFolder, file);
    const { size } = await stat(whole);
    stdout.write(`${path.relative(process.cwd(), whole)}  ${byteText(size)}\n`);
  }
}
