/**
 * Port: files of gigabytes in a bucket. They are sent part by part, so that a later call goes on where an earlier one was
 * interrupted, and read by ranges, so that the header of one can be looked at.
 */
import type { FileInParts } from './file-parts';

export interface SendOptions {
  /** Told as parts are there: `sent` by this call, or `found`, from an earlier one. */
  readonly onArrived?: (bytes: number, how: 'sent' | 'found') => void;
  readonly signal?: AbortSignal;
}

export interface LargeFiles {
  /** Whether the object under the key has exactly the file's content. False also where there is no telling. */
  holds(key: string, file: FileInParts): Promise<boolean>;
  /**
   * Puts the file under the key: the object is there whole or not at all.
   * @throws FileChanged when the file is no longer the one that was cut; the signal's reason when it was stopped.
   */
  send(key: string, file: FileInParts, options?: SendOptions): Promise<void>;
  /** Bytes of an object; fewer where it ends before. Null when there is none. @param length at least 1. */
  readRange(key: string, start: number, length: number): Promise<Uint8Array | null>;
}
