/**
 * `mv2id model push`: brings a model directory into the models bucket. Whatever interrupts it, the same command goes on from there:
 * what has arrived is known by its content.
 */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { cutFile, FileChanged } from '../../clients/file-parts';
import { describe, fieldErrors } from '../../contract/field-error';
import { MODEL_HASHES_FILE_NAME } from '../../contract/keys';
import { ManifestSchema } from '../../contract/manifest';
import { byteText } from '../../gpu-worker/memory';
import { inspectModel } from '../../gpu-worker/model/inspect';
import { modelHash } from '../../gpu-worker/model-hash';
import { EXIT_INTERRUPTED, EXIT_USAGE, UsageError } from '../exit-code';
import { writeJson } from '../json-line';
import type { ProfileOptions } from '../profile';
import { createProgress, type Progress } from '../progress';
import { withService } from '../service';
import type { Streams } from '../streams';
import { isReserved } from './list';
import { listModelFiles, type ModelFile, sizeOf } from './model-files';
import { type CutModelFile, type PushPlan, planPush } from './push-plan';
import { type SentBytes, sendModel } from './send-model';

export interface PushOptions extends ProfileOptions {
  readonly as?: string;
  readonly replace?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** What `--json` prints. */
interface PushReport {
  readonly model: string;
  /** As the reports of its jobs will name it. */
  readonly model_sha256: string;
  readonly files: number;
  readonly bytes: number;
  readonly sent_bytes: number;
  readonly found_bytes: number;
  readonly removed: readonly string[];
  /** Paths; those that are still to be sent with --dry-run, and empty without. */
  readonly to_send: readonly string[];
}

/** @returns the exit code. @throws UsageError for a directory that jobs could not use, or a name that is another model's. */
export async function runPush(dir: string, options: PushOptions, streams: Streams): Promise<number> {
  const model = requireModelId(options.as ?? modelIdOf(dir));
  const { problems } = await inspectModel(dir, { computeDtype: 'bfloat16' });
  for (const problem of problems) streams.stderr.write(`mv2id: ${problem}\n`);
  if (problems.length > 0) return EXIT_USAGE;
  const files = await listModelFiles(dir);
  return withService(options, async ({ ports }) => {
    const stop = new AbortController();
    const interrupt = () => stop.abort();
    process.once('SIGINT', interrupt);
    const progress = createProgress(streams.stderr);
    try {
      const plan = await planPush(ports, model, await cutFiles(files, progress, stop.signal));
      requireFree(plan, options);
      const sent = options.dryRun ? noBytes(plan) : await sendModel(ports, plan, progress, stop.signal);
      progress.end();
      if (options.json) writeJson(streams.stdout, reportOf(plan, sent, options));
      else for (const line of linesOf(plan, sent, options)) streams.stdout.write(`${line}\n`);
      return 0;
    } catch (error) {
      if (error instanceof FileChanged) throw new UsageError(error.message);
      if (!stop.signal.aborted) throw error;
      progress.note('Stopped; the same command goes on from here.');
      return EXIT_INTERRUPTED;
    } finally {
      progress.end();
      process.off('SIGINT', interrupt);
    }
  });
}

/** `Wan2.1-T2V-14B` -> `wan2.1-t2v-14b` */
function modelIdOf(dir: string): string {
  return path
    .basename(path.resolve(dir))
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, '-');
}

function requireModelId(id: string): string {
  const [error] = fieldErrors(ManifestSchema.shape.model, id, '--as');
  if (error) throw new UsageError(error.message);
  if (isReserved(id))
    throw new UsageError(`--as must be another name than the folder of trainings, got ${describe(id)}.`);
  return id;
}

async function cutFiles(files: readonly ModelFile[], progress: Progress, signal: AbortSignal): Promise<CutModelFile[]> {
  const total = sizeOf(files);
  let done = 0;
  const onRead = (bytes: number) => {
    done += bytes;
    progress.updateBytes(done, total);
  };
  progress.begin('Hashing');
  const cut: CutModelFile[] = [];
  for (const { path, file } of files) cut.push({ path, ...(await cutFile(file, { onRead, signal })) });
  return cut;
}

function requireFree({ model, replaces, toSend, toRemove }: PushPlan, { replace, dryRun }: PushOptions): void {
  if (!replaces || replace || dryRun) return;
  const differing = `${toSend.length + toRemove.length} of its files differ`;
  throw new UsageError(
    `--as must be a model id that is free, got ${describe(model)}, where another model is (${differing}). --replace puts this one in its place; jobs that wait for the other one then run with this one, or fail while it is being sent.`,
  );
}

function noBytes({ present }: PushPlan): SentBytes {
  return { sent: 0, found: sizeOf(present) };
}

function reportOf(plan: PushPlan, { sent, found }: SentBytes, { dryRun }: PushOptions): PushReport {
  const files = [...plan.present, ...plan.toSend];
  return {
    model: plan.model,
    model_sha256: hashOfModel(plan),
    files: files.length,
    bytes: sizeOf(files),
    sent_bytes: sent,
    found_bytes: found,
    removed: plan.toRemove,
    to_send: dryRun ? plan.toSend.map(({ path }) => path) : [],
  };
}

function linesOf(plan: PushPlan, { sent }: SentBytes, { dryRun }: PushOptions): string[] {
  const { model, toSend, toRemove, present } = plan;
  const whole = `${model}: ${toSend.length + present.length} files, ${byteText(sizeOf([...toSend, ...present]))}`;
  if (!dryRun) {
    const what = toSend.length === 0 ? 'is there already' : `is there, ${byteText(sent)} of it sent now`;
    return [`${whole}, ${what}.`, `  sha256 ${hashOfModel(plan)}`];
  }
  return [
    `${whole}; ${byteText(sizeOf(toSend))} to send. Nothing was changed.`,
    ...toSend.map(({ path, size }) => `  send    ${path}  ${byteText(size)}`),
    ...present.map(({ path }) => `  there   ${path}`),
    ...toRemove.map((path) => `  remove  ${path}`),
    ...(plan.replaces ? ['Another model of this name is there: it takes --replace.'] : []),
  ];
}

/** As workers compute it, of all files in the bucket. */
function hashOfModel({ present, toSend, hashes }: PushPlan): string {
  const bytes = Buffer.from(hashes);
  const ownHashes = {
    path: MODEL_HASHES_FILE_NAME,
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  };
  const files = [...present, ...toSend, ownHashes];
  return modelHash(files.sort((one, other) => Buffer.compare(Buffer.from(one.path), Buffer.from(other.path))));
}
