/**
 * The embedded store of a local deployment: one LMDB environment with named databases. `serve`, every worker and every command
 * have it open at the same time; LMDB lets one of them write at a time, and frees the lock of one that was killed.
 */
import { createHash } from 'node:crypto';
import { type Database, open, type RootDatabase } from 'lmdb';
import type { Exclusively } from './exclusively';

export type LmdbKey = (string | number)[];
export type LmdbDatabase<V> = Database<V, LmdbKey>;

/** Sorts after everything that a key with the same beginning may go on with. */
const AFTER_ALL = Buffer.from([0xff]);
const MAX_DATABASES = 32;
/** Every process that has the store open takes at least one. */
const MAX_READERS = 512;
/** LMDB takes keys of up to 1,978 bytes, of all their parts together. */
const MAX_KEY_PART_LENGTH = 256;

export class LmdbStore {
  /** For databases that need other options than ours. */
  readonly root: RootDatabase;
  private readonly listeners = new Map<string, Set<() => void>>();
  private closed = false;

  /** @param folder made when it is not there. */
  constructor(folder: string) {
    this.root = open({
      path: folder,
      noSubdir: false, // else a folder with a dot in its name would become a file
      maxDbs: MAX_DATABASES,
      maxReaders: MAX_READERS,
      encoding: 'json',
    });
    // Pages that a killed process was reading are free again.
    this.root.readerCheck();
  }

  get isClosed(): boolean {
    return this.closed;
  }

  /** A database of the environment; values are JSON. */
  database<V>(name: string): LmdbDatabase<V> {
    return this.root.openDB<V, LmdbKey>({ name, encoding: 'json' });
  }

  /**
   * One atomic, durable change, over any databases of the store: `action` sees the latest state and nobody else writes meanwhile.
   * It must check before it writes: what it has written stays when it throws.
   */
  readonly change: Exclusively = (action) => {
    if (this.closed) return Promise.reject(new Error('store must be open, got a closed one.'));
    return this.root.transaction(action);
  };

  /** Calls back when somebody in this process has changed what `topic` names. @returns how to stop that. */
  onChange(topic: string, listener: () => void): () => void {
    const listeners = this.listeners.get(topic) ?? new Set();
    this.listeners.set(topic, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  announce(topic: string): void {
    for (const listener of [...(this.listeners.get(topic) ?? [])]) listener();
  }

  /** Waits for what is being written. Whoever waits for a change is called back. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const topic of this.listeners.keys()) this.announce(topic);
    await this.root.close();
  }
}

/** The keys that begin with `beginning`, for `getKeys` and `getRange`. */
export function keysUnder(beginning: LmdbKey): { start: LmdbKey; end: LmdbKey } {
  return { start: beginning, end: [...beginning, AFTER_ALL] as unknown as LmdbKey };
}

/** A text as part of a key: itself, or its hash where it is too long for one. */
export function keyPart(text: string): string {
  if (Buffer.byteLength(text) <= MAX_KEY_PART_LENGTH) return text;
  return `sha256 ${createHash('sha256').update(text).digest('hex')}`;
}
