/**
 * Model directories on this machine, shared by its workers: <cache>/<model id>/<digest>/.
 *
 * A directory is downloaded under a name of its own, checked, and renamed when it is complete, so a reader never sees half of one
 * whoever dies when. The digest is that of the bucket's listing: a model that changes is another directory, and a job that runs
 * keeps the one it opened. The lock only saves downloading twice at once; nothing goes wrong without it.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { ObjectStore } from '../clients/object-store';
import { MODEL_HASHES_FILE_NAME, MODEL_INDEX_FILE_NAME, modelKey } from '../contract/keys';
import { ModelError } from './errors';
import { sha256OfFile } from './file-hash';
import { modelHash } from './model-hash';

export interface ModelRequest {
  /** Bucket `models`. */
  readonly bucket: Pick<ObjectStore, 'list' | 'download'>;
  readonly model: string;
  readonly cacheFolder: string;
  readonly now?: () => Date;
}

export interface CachedModel {
  readonly dir: string;
  /** Of the paths, sizes and contents of all files. */
  readonly sha256: string;
}

interface ListedFile {
  readonly path: string;
  readonly key: string;
  readonly size: number;
  readonly etag: string;
}

/** Written last into a directory; what it does not describe is not used. */
const MARKER_FILE_NAME = '.mv2id-model.json';
const PARTIAL = '.partial-';
const LOCK = '.lock';
/** A download, or its lock, that nobody has touched for this long is a killed worker's. */
const ABANDONED_AFTER_SECONDS = 60;
const TOUCH_EVERY_MS = 5_000;
const LOOK_EVERY_MS = 250;
/** A model whose files change while they are listed and downloaded. */
const MAX_ROUNDS = 3;
const DIGEST_DIGITS = 32;

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const HashesSchema = z.record(z.string(), Sha256);
const MarkerSchema = z.object({
  sha256: Sha256,
  files: z.array(z.object({ path: z.string(), size: z.int().nonnegative(), sha256: Sha256 })),
});
type Marker = z.output<typeof MarkerSchema>;

/** The bucket's model changed between listing and download: the next listing may fit. */
class ModelChanged extends Error {
  override readonly name = 'ModelChanged';
}

/**
 * The model as a directory, downloaded unless it is there.
 * @throws ModelError when the bucket has no such model, a file's name leads out of the directory, or a hash is another one.
 */
export async function fetchModel(request: ModelRequest): Promise<CachedModel> {
  const { model, cacheFolder, now = () => new Date() } = request;
  const modelFolder = path.join(cacheFolder, model);
  await mkdir(modelFolder, { recursive: true });
  await removeAbandoned(modelFolder, now());
  for (let round = 1; ; round++) {
    const files = await listFiles(request);
    const dir = path.join(modelFolder, digestOf(files));
    try {
      return await withLock(`${dir}${LOCK}`, now, async () => {
        const present = await readMarker(dir);
        if (present) return { dir, sha256: present.sha256 };
        return await fill(request, files, dir);
      });
    } catch (error) {
      if (!(error instanceof ModelChanged)) throw error;
      if (round === MAX_ROUNDS) throw new ModelError(`${model} must stay as it is while it is downloaded.`);
    }
  }
}

async function listFiles({ bucket, model }: ModelRequest): Promise<ListedFile[]> {
  const prefix = modelKey(model, '');
  const files: ListedFile[] = [];
  for await (const { key, size, etag } of bucket.list(prefix)) {
    // What consoles make to show a folder.
    if (key.endsWith('/') && size === 0) continue;
    files.push({ path: requireInside(model, key.slice(prefix.length)), key, size, etag });
  }
  if (files.length === 0) throw new ModelError(`model must be one in the models bucket, got ${JSON.stringify(model)}.`);
  // Else it is being brought, and some of its files may be another model's still.
  if (!files.some((file) => file.path === MODEL_INDEX_FILE_NAME)) {
    throw new ModelError(`${model} must be whole in the models bucket, got no ${MODEL_INDEX_FILE_NAME}.`);
  }
  return files;
}

/** Keys may hold anything; a path must stay in its directory, and must not be our own file. */
function requireInside(model: string, file: string): string {
  const parts = file.split('/');
  const isPlain = parts.every((part) => part !== '' && part !== '.' && part !== '..' && !/[\\\0]/.test(part));
  if (isPlain && file !== MARKER_FILE_NAME) return file;
  throw new ModelError(`${model}: a file must have a path inside the model, got ${JSON.stringify(file)}.`);
}

function digestOf(files: readonly ListedFile[]): string {
  const listing = files.map(({ path: file, size, etag }) => [file, size, etag]);
  return createHash('sha256').update(JSON.stringify(listing)).digest('hex').slice(0, DIGEST_DIGITS);
}

/** What a directory was when it was complete; null when it is not there, or no longer so. */
async function readMarker(dir: string): Promise<Marker | null> {
  const text = await readFile(path.join(dir, MARKER_FILE_NAME), 'utf8').catch(() => '');
  const marker = MarkerSchema.safeParse(parseJson(text));
  if (!marker.success) return null;
  for (const file of marker.data.files) {
    const size = await stat(path.join(dir, file.path)).then(
      (found) => found.size,
      () => -1,
    );
    if (size !== file.size) return null;
  }
  return marker.data;
}

async function fill(request: ModelRequest, files: readonly ListedFile[], dir: string): Promise<CachedModel> {
  const partial = path.join(path.dirname(dir), `${PARTIAL}${randomUUID()}`);
  await mkdir(partial);
  const touched = keepTouched(partial);
  try {
    const marker = await download(request, files, partial);
    await writeFile(path.join(partial, MARKER_FILE_NAME), JSON.stringify(marker), { flush: true });
    await putInPlace(partial, dir);
    return { dir, sha256: marker.sha256 };
  } finally {
    clearInterval(touched);
    await rm(partial, { recursive: true, force: true });
  }
}

/** A complete directory that is there already stays; one without its marker, or with files gone, makes way in one step. */
async function putInPlace(partial: string, dir: string): Promise<void> {
  const isFree = await rename(partial, dir).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOTEMPTY' || error.code === 'EEXIST') return false;
      throw error;
    },
  );
  if (isFree || (await readMarker(dir))) return;
  const aside = path.join(path.dirname(dir), `${PARTIAL}${randomUUID()}`);
  await rename(dir, aside);
  await rename(partial, dir);
  await rm(aside, { recursive: true, force: true });
}

async function download(
  { bucket, model }: ModelRequest,
  files: readonly ListedFile[],
  folder: string,
): Promise<Marker> {
  const entries: Marker['files'] = [];
  for (const { path: file, key, size, etag } of files) {
    const target = path.join(folder, file);
    await mkdir(path.dirname(target), { recursive: true });
    const info = await bucket.download(key, target);
    if (info?.size !== size || info.etag !== etag) throw new ModelChanged(key);
    entries.push({ path: file, size, sha256: await sha256OfFile(target) });
  }
  await requireHashes(model, folder, entries);
  return { sha256: modelHash(entries), files: entries };
}

/** @throws ModelError for a file that is not the one that sha256.json means; nothing is checked where there is none. */
async function requireHashes(model: string, folder: string, entries: Marker['files']): Promise<void> {
  if (!entries.some((entry) => entry.path === MODEL_HASHES_FILE_NAME)) return;
  const text = await readFile(path.join(folder, MODEL_HASHES_FILE_NAME), 'utf8');
  const hashes = HashesSchema.safeParse(parseJson(text));
  if (!hashes.success) throw new ModelError(`${model}/${MODEL_HASHES_FILE_NAME} must map paths to SHA-256 hashes.`);
  const found = new Map(entries.map((entry) => [entry.path, entry.sha256]));
  found.delete(MODEL_HASHES_FILE_NAME);
  for (const file of new Set([...Object.keys(hashes.data), ...found.keys()])) {
    const expected = hashes.data[file];
    if (expected === undefined) throw new ModelError(`${model}/${file} must be named in ${MODEL_HASHES_FILE_NAME}.`);
    const got = found.get(file) ?? 'no such file';
    if (got !== expected) throw new ModelError(`${model}/${file} must have the SHA-256 ${expected}, got ${got}.`);
  }
}

/**
 * Runs `work` when nobody else on this machine does, or when whoever does is dead. Two that take over from the same dead holder may
 * both run: putting the directory in place copes with it.
 */
async function withLock<Result>(file: string, now: () => Date, work: () => Promise<Result>): Promise<Result> {
  while (!(await tryLock(file))) {
    if ((await isHolderDead(file)) || (await isAbandoned(file, now()))) await rm(file, { force: true });
    else await sleep(LOOK_EVERY_MS);
  }
  const touched = keepTouched(file);
  try {
    return await work();
  } finally {
    clearInterval(touched);
    await rm(file, { force: true });
  }
}

async function tryLock(file: string): Promise<boolean> {
  try {
    await writeFile(file, `${hostname()} ${process.pid}`, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Only the processes of this host (or container) can be asked; the others' locks grow old. */
async function isHolderDead(file: string): Promise<boolean> {
  const [host, pid] = (await readFile(file, 'utf8').catch(() => '')).split(' ');
  if (host !== hostname() || !pid) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Shows the others that this process lives. */
function keepTouched(file: string): NodeJS.Timeout {
  const touch = () => void utimes(file, new Date(), new Date()).catch(() => {});
  return setInterval(touch, TOUCH_EVERY_MS).unref();
}

async function isAbandoned(file: string, now: Date): Promise<boolean> {
  const touched = await stat(file).then(
    ({ mtimeMs }) => mtimeMs,
    () => now.getTime(),
  );
  return now.getTime() - touched > ABANDONED_AFTER_SECONDS * 1000;
}

async function removeAbandoned(modelFolder: string, now: Date): Promise<void> {
  for (const name of await readdir(modelFolder)) {
    const file = path.join(modelFolder, name);
    if (name.startsWith(PARTIAL) && (await isAbandoned(file, now))) await rm(file, { recursive: true, force: true });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
