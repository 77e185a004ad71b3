/**
 * A bucket that is a folder: every object a file, its key the path. Whatever people put into the folder by other means is an
 * object too. Objects appear and change whole, by a rename; all writes and deletes take turns, whichever process they come from,
 * so that a condition still holds when its write happens. Symbolic links are never followed: behind them is nothing.
 */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  type Dirent,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  type Stats,
  unlinkSync,
} from 'node:fs';
import { constants, type FileHandle, mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  type ListOptions,
  type ObjectInfo,
  type ObjectStore,
  ObjectTooLarge,
  type ObjectVersion,
  PreconditionFailed,
  type PutOptions,
  type StoredObject,
} from '../object-store';
import type { Exclusively } from './exclusively';
import { FileEtags } from './file-etag';
import { InvalidKey, isKey, KeyConflict, keySegments, prefixSegments, RESERVED_FOLDER } from './folder-key';

export interface FolderObjectStoreOptions {
  /** One at a time among all processes that write to the folder. */
  readonly exclusively: Exclusively;
  /** Makes a link to an object of this bucket; without it there are none. */
  readonly presign?: (key: string, expiresInSeconds: number) => Promise<{ url: string; expiresAt: Date } | null>;
}

type Body = Uint8Array | string | { readonly file: string };

/** An entry of a folder that a listing goes through. */
interface Entry {
  /** Of a folder with a slash at the end. */
  readonly key: string;
  readonly isFolder: boolean;
}

/** O_NONBLOCK: opening a named pipe would wait for a writer. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** What opening something that is no object fails with. */
const NOT_AN_OBJECT = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'EMLINK', 'ENXIO', 'EISDIR']);
const COPY_CHUNK_BYTES = 1024 * 1024;
/** What a killed process left unfinished is removed after this time. */
const ABANDONED_MS = 3600_000;

export class FolderObjectStore implements ObjectStore {
  private readonly etags = new FileEtags();

  private constructor(
    private readonly folder: string,
    private readonly options: FolderObjectStoreOptions,
  ) {}

  /** Makes the folder where there is none, and removes what killed processes left unfinished in it. */
  static async open(folder: string, options: FolderObjectStoreOptions): Promise<FolderObjectStore> {
    const partial = path.join(folder, RESERVED_FOLDER);
    await mkdir(partial, { recursive: true });
    for (const name of await readdir(partial)) await removeAbandoned(path.join(partial, name));
    return new FolderObjectStore(folder, options);
  }

  /**
   * The content type is not kept: a file's name tells it.
   * @throws InvalidKey, KeyConflict, PreconditionFailed
   */
  async put(key: string, body: Body, options: PutOptions = {}): Promise<ObjectInfo> {
    const segments = keySegments(key);
    const temporary = path.join(this.folder, RESERVED_FOLDER, randomUUID());
    try {
      const info = await this.writeTemporary(temporary, key, body);
      const depth = await this.options.exclusively(() => {
        this.requireCondition(key, segments, options);
        const depthThatChanged = this.makeFolders(key, segments.slice(0, -1));
        this.clearPlace(key, segments);
        renameSync(temporary, this.pathOf(segments));
        return depthThatChanged;
      });
      for (let i = depth; i < segments.length; i++) await syncFolder(this.pathOf(segments.slice(0, i)));
      return info;
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  async get(key: string, options: { readonly maxBytes?: number } = {}): Promise<StoredObject | null> {
    return this.withObject(key, async (file, info) => {
      const { maxBytes = Number.POSITIVE_INFINITY } = options;
      if (info.size > maxBytes) throw new ObjectTooLarge(info, maxBytes);
      const body = await file.readFile();
      return { ...info, size: body.length, body };
    });
  }

  async download(key: string, file: string): Promise<ObjectInfo | null> {
    return this.withObject(key, async (source, info) => {
      const temporary = `${file}.${randomUUID()}.partial`;
      try {
        await withFile(temporary, 'wx', (target) => copyInto(target, source));
        await rename(temporary, file);
        return info;
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    });
  }

  head(key: string): Promise<ObjectInfo | null> {
    return this.withObject(key, async (_file, info) => info);
  }

  async *list(prefix: string, { after }: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    const segments = prefixSegments(prefix);
    if (!this.isFolder(segments)) return;
    yield* this.walk(segments.map((segment) => `${segment}/`).join(''), prefix, after ?? '');
  }

  /** Folders that it leaves empty go with it, as they do in S3. */
  async delete(key: string): Promise<void> {
    const segments = keySegments(key);
    const depth = await this.options.exclusively(() => {
      if (!this.isFolder(segments.slice(0, -1)) || !this.statsOf(segments)?.isFile()) return null;
      unlinkSync(this.pathOf(segments));
      return this.removeEmptyFolders(segments.slice(0, -1));
    });
    if (depth !== null) await syncFolder(this.pathOf(segments.slice(0, depth)));
  }

  async *listVersions(prefix: string): AsyncGenerator<ObjectVersion> {
    for await (const { key, size, lastModified } of this.list(prefix)) {
      yield { key, versionId: null, size, lastModified };
    }
  }

  async *erase(prefix: string, { until }: { readonly until?: Date } = {}): AsyncGenerator<ObjectVersion> {
    for await (const version of this.listVersions(prefix)) {
      if (until && version.lastModified > until) continue;
      await this.delete(version.key);
      yield version;
    }
  }

  async presign(key: string, expiresInSeconds: number): Promise<{ url: string; expiresAt: Date } | null> {
    keySegments(key);
    return this.options.presign ? this.options.presign(key, expiresInSeconds) : null;
  }

  private async writeTemporary(temporary: string, key: string, body: Body): Promise<ObjectInfo> {
    return withFile(temporary, 'wx+', async (file) => {
      if (typeof body === 'string' || body instanceof Uint8Array) {
        await file.writeFile(body);
        await file.sync();
      } else await withFile(body.file, 'r', (source) => copyInto(file, source));
      return this.infoOf(key, file);
    });
  }

  /** Calls `use` with the open file of an object; null when there is no such object. */
  private async withObject<T>(key: string, use: (file: FileHandle, info: ObjectInfo) => Promise<T>): Promise<T | null> {
    const file = await this.openObject(keySegments(key));
    if (!file) return null;
    try {
      return (await file.stat()).isFile() ? await use(file, await this.infoOf(key, file)) : null;
    } finally {
      await file.close();
    }
  }

  private async openObject(segments: readonly string[]): Promise<FileHandle | null> {
    if (!this.isFolder(segments.slice(0, -1))) return null;
    try {
      return await open(this.pathOf(segments), READ_FLAGS);
    } catch (error) {
      if (NOT_AN_OBJECT.has((error as NodeJS.ErrnoException).code ?? '')) return null;
      throw error;
    }
  }

  private async infoOf(key: string, file: FileHandle): Promise<ObjectInfo> {
    const stats = await file.stat({ bigint: true });
    const lastModified = new Date(Number(stats.mtimeMs));
    return { key, size: Number(stats.size), etag: this.etags.of(file.fd, stats), lastModified };
  }

  private async *walk(folder: string, prefix: string, after: string): AsyncGenerator<ObjectInfo> {
    for (const { key, isFolder } of await this.entries(folder)) {
      // A folder in which `after` lies is behind it in part.
      if (!isBefore(after, key) && !(isFolder && after.startsWith(key))) continue;
      if (isFolder && (key.startsWith(prefix) || prefix.startsWith(key))) yield* this.walk(key, prefix, after);
      if (isFolder || !key.startsWith(prefix)) continue;
      const info = await this.head(key);
      if (info) yield info; // else deleted meanwhile
    }
  }

  /** What stands in a folder, in the order in which its keys come in a listing. */
  private async entries(folder: string): Promise<Entry[]> {
    let found: Dirent<Buffer>[];
    try {
      found = await readdir(path.join(this.folder, folder), { withFileTypes: true, encoding: 'buffer' });
    } catch (error) {
      if (NOT_AN_OBJECT.has((error as NodeJS.ErrnoException).code ?? '')) return [];
      throw error;
    }
    return found
      .filter((entry) => entry.isFile() || entry.isDirectory())
      .map((entry) => ({ name: entry.name, text: entry.name.toString('utf8'), isFolder: entry.isDirectory() }))
      .filter(({ name, text }) => Buffer.from(text).equals(name) && isKey(folder + text))
      .map(({ text, isFolder }) => ({ key: folder + text + (isFolder ? '/' : ''), isFolder }))
      .sort((a, b) => compareKeys(a.key, b.key));
  }

  private requireCondition(key: string, segments: readonly string[], { ifNoneMatch, ifMatch }: PutOptions): void {
    if (ifNoneMatch === undefined && ifMatch === undefined) return;
    const etag = this.isFolder(segments.slice(0, -1)) ? this.etagOf(segments) : null;
    if (ifNoneMatch !== undefined && etag !== null) throw new PreconditionFailed(key);
    if (ifMatch !== undefined && etag !== ifMatch) throw new PreconditionFailed(key);
  }

  /** Null when there is no object. */
  private etagOf(segments: readonly string[]): string | null {
    if (!this.statsOf(segments)?.isFile()) return null;
    const descriptor = openSync(this.pathOf(segments), READ_FLAGS);
    try {
      return this.etags.of(descriptor, fstatSync(descriptor, { bigint: true }));
    } finally {
      closeSync(descriptor);
    }
  }

  /** @returns how deep the outermost folder lies whose entries change: the last one when none had to be made. */
  private makeFolders(key: string, segments: readonly string[]): number {
    let outermost = segments.length;
    for (let depth = 1; depth <= segments.length; depth++) {
      const folder = segments.slice(0, depth);
      const stats = this.statsOf(folder);
      if (stats?.isDirectory()) continue;
      if (stats?.isSymbolicLink()) throw new InvalidKey(key, 'below folders that are no symbolic links');
      if (stats) throw new KeyConflict(key, folder.join('/'));
      mkdirSync(this.pathOf(folder));
      outermost = Math.min(outermost, depth - 1);
    }
    return outermost;
  }

  /** A folder that somebody left empty is nothing in a bucket, so it is in nobody's way. */
  private clearPlace(key: string, segments: readonly string[]): void {
    if (!this.statsOf(segments)?.isDirectory()) return;
    try {
      rmdirSync(this.pathOf(segments));
    } catch {
      throw new KeyConflict(key, `${key}/`);
    }
  }

  /** @returns how deep the innermost folder lies that is left. */
  private removeEmptyFolders(segments: readonly string[]): number {
    for (let depth = segments.length; depth > 0; depth--) {
      try {
        rmdirSync(this.pathOf(segments.slice(0, depth)));
      } catch {
        return depth; // not empty
      }
    }
    return 0;
  }

  /** Whether these names are folders, each inside the one before, and none of them a symbolic link. */
  private isFolder(segments: readonly string[]): boolean {
    return segments.every((_, i) => this.statsOf(segments.slice(0, i + 1))?.isDirectory());
  }

  /** Of the entry itself, also when it is a symbolic link. */
  private statsOf(segments: readonly string[]): Stats | null {
    try {
      return lstatSync(this.pathOf(segments), { throwIfNoEntry: false }) ?? null;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return null;
      throw error;
    }
  }

  private pathOf(segments: readonly string[]): string {
    return path.join(this.folder, ...segments);
  }
}

/** In the order of a listing. */
function compareKeys(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}

function isBefore(one: string, other: string): boolean {
  return compareKeys(one, other) < 0;
}

async function withFile<T>(file: string, flags: string, use: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await open(file, flags);
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}

async function removeAbandoned(file: string): Promise<void> {
  const stats = await stat(file).catch(() => null);
  if (stats && Date.now() - stats.mtimeMs > ABANDONED_MS) await rm(file, { force: true });
}

async function copyInto(target: FileHandle, source: FileHandle): Promise<void> {
  const chunks = source.createReadStream({ start: 0, autoClose: false, highWaterMark: COPY_CHUNK_BYTES });
  await writeFile(target, chunks);
  await target.sync();
}

/** Names in a folder outlive a power failure only once the folder itself is on the disk. */
async function syncFolder(folder: string): Promise<void> {
  try {
    await withFile(folder, 'r', (handle) => handle.sync());
  } catch (error) {
    // Somebody else has emptied and removed it meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
