/**
 * Turns what happens to job.json files in the uploads folder into the events that S3 would send to the queue `intake`. The watch only
 * says where to look; what is announced follows from the file as it is and the mark of what was announced before. So it does not
 * matter whether a change was seen, seen twice, or happened while nobody watched: `sync` looks everywhere.
 */
import type { Stats } from 'node:fs';
import { lstat, mkdir, readdir, readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import path from 'node:path';
import type { JobQueue } from '../clients/job-queue';
import type { UploadMarks } from '../clients/local/upload-marks';
import type { UploadEvent } from '../contract/events';
import { parseUploadKey, UPLOADS_PREFIX } from '../contract/keys';
import { MAX_MANIFEST_BYTES } from '../contract/limits';
import { MANIFEST_FILE_NAME } from '../contract/manifest';
import { FolderWatch } from './folder-watch';
import { objectCreated, objectDeleted } from './upload-event';

export interface UploadWatcherOptions {
  /** The uploads bucket. */
  readonly folder: string;
  readonly marks: UploadMarks;
  /** Queue `intake`. */
  readonly queue: JobQueue;
  /** How long a file that is no JSON yet must stay as it is to count as written: 2,000. */
  readonly settleMs?: number;
  readonly now?: () => Date;
  /** Told about what went wrong; the next `sync` finds it again. */
  readonly onError?: (error: unknown) => void;
}

/** sets/<tenant>/<set> */
const SET_DEPTH = 2;
const SETS_FOLDER = UPLOADS_PREFIX.replace(/\/$/, '');
/** Files looked at at the same time in a `sync`. */
const LOOKS_AT_ONCE = 32;

export class UploadWatcher {
  private readonly options: Required<UploadWatcherOptions>;
  private readonly watch: FolderWatch;
  /** The last look at each file, so that there is one at a time. */
  private readonly looks = new Map<string, Promise<void>>();
  /** Files that may still be written: their state when they were last looked at, and since when (ms) they have it. */
  private readonly unsettled = new Map<string, { state: string; since: number; timer: NodeJS.Timeout }>();

  constructor(options: UploadWatcherOptions) {
    this.options = { settleMs: 2000, now: () => new Date(), onError: () => {}, ...options };
    this.watch = new FolderWatch({
      folder: this.setsFolder,
      depth: SET_DEPTH,
      onChange: (names) => this.notice(names),
      onError: this.options.onError,
    });
  }

  /** Returns when every change from now on will be seen, and every earlier one has been announced. */
  async start(): Promise<void> {
    await mkdir(this.setsFolder, { recursive: true });
    await this.watch.start();
    await this.sync();
  }

  /** Looks at every job.json there is and every one there was. */
  async sync(): Promise<void> {
    const keys = new Set([...(await this.manifestKeys()), ...this.options.marks.keys()]);
    const waiting = keys.values();
    const lookAtRest = async () => {
      for (const key of waiting) await this.lookInTurn(key);
    };
    await Promise.all(Array.from({ length: LOOKS_AT_ONCE }, lookAtRest));
  }

  async stop(): Promise<void> {
    await this.watch.close();
    for (const { timer } of this.unsettled.values()) clearTimeout(timer);
    this.unsettled.clear();
    await Promise.all(this.looks.values());
  }

  private get setsFolder(): string {
    return path.join(this.options.folder, SETS_FOLDER);
  }

  private notice([tenant = '', set = '', file = MANIFEST_FILE_NAME]: readonly string[]): void {
    if (file !== MANIFEST_FILE_NAME) return;
    // A tenant's whole folder that was moved away takes its manifests along.
    const keys = set === '' ? this.options.marks.keysOf(tenant) : [keyOf(tenant, set)];
    for (const key of keys) if (parseUploadKey(key)) void this.lookInTurn(key);
  }

  private async manifestKeys(): Promise<string[]> {
    const keys: string[] = [];
    for (const tenant of await folderNames(this.setsFolder)) {
      const sets = await folderNames(path.join(this.setsFolder, tenant));
      keys.push(...sets.map((set) => keyOf(tenant, set)).filter((key) => parseUploadKey(key)));
    }
    return keys;
  }

  private lookInTurn(key: string): Promise<void> {
    const look = (this.looks.get(key) ?? Promise.resolve())
      .then(() => this.look(key))
      .catch(this.options.onError)
      .finally(() => {
        if (this.looks.get(key) === look) this.looks.delete(key);
      });
    this.looks.set(key, look);
    return look;
  }

  private async look(key: string): Promise<void> {
    const { folder, marks, now } = this.options;
    const file = path.join(folder, key);
    const stats = await fileStats(file);
    const announced = marks.get(key);
    if (stats === null) {
      this.settle(key);
      if (announced === null) return;
      await this.send(objectDeleted(key, now()));
      await marks.remove(key);
      return;
    }
    // The time of the last change of content or place, which a copy that keeps its times does not keep.
    const state = `${stats.size} ${stats.mtimeMs} ${stats.ctimeMs}`;
    if (state === announced || !(await this.isWritten(key, file, stats, state))) return;
    await this.send(
      objectCreated({ key, size: stats.size, changedAt: new Date(stats.ctimeMs), owner: ownerOf(stats) }),
    );
    await marks.set(key, state);
  }

  /** A file that is JSON from end to end is complete, however it got there. Any other must have stayed the same for a while. */
  private async isWritten(key: string, file: string, stats: Stats, state: string): Promise<boolean> {
    const { settleMs } = this.options;
    const before = this.settle(key);
    const since = before?.state === state ? before.since : performance.now();
    const leftMs = since + settleMs - performance.now();
    if (leftMs <= 0 || (stats.size <= MAX_MANIFEST_BYTES && (await isJson(file)))) return true;
    // A timer may fire a little early.
    const timer = setTimeout(() => void this.lookInTurn(key), Math.ceil(leftMs) + 1);
    this.unsettled.set(key, { state, since, timer });
    return false;
  }

  private settle(key: string): { state: string; since: number } | null {
    const unsettled = this.unsettled.get(key);
    if (!unsettled) return null;
    clearTimeout(unsettled.timer);
    this.unsettled.delete(key);
    return unsettled;
  }

  private async send(event: UploadEvent): Promise<void> {
    const group = parseUploadKey(event.detail.object.key)?.tenant;
    await this.options.queue.send([{ body: JSON.stringify(event), ...(group !== undefined && { group }) }]);
  }
}

/** Only the own account's name is known without looking into the system's lists. */
function ownerOf({ uid }: Stats): string {
  const { uid: ownUid, username } = userInfo();
  return uid === ownUid ? username : `uid-${uid}`;
}

/** Unlike `manifestKey`, of any two names. */
function keyOf(tenant: string, set: string): string {
  return `${SETS_FOLDER}/${tenant}/${set}/${MANIFEST_FILE_NAME}`;
}

/** Null when there is no regular file: behind a link is nothing. */
async function fileStats(file: string): Promise<Stats | null> {
  try {
    const stats = await lstat(file);
    return stats.isFile() ? stats : null;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

async function folderNames(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function isJson(file: string): Promise<boolean> {
  try {
    JSON.parse(await readFile(file, 'utf8'));
    return true;
  } catch {
    return false;
  }
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
