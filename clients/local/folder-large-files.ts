/** Large files of a bucket that is a folder: a copy is quick enough to begin anew, so only the whole of a file is compared. */
import { lstat, open } from 'node:fs/promises';
import path from 'node:path';
import { cutFile, FileChanged, type FileInParts } from '../file-parts';
import type { LargeFiles, SendOptions } from '../large-files';
import type { ObjectStore } from '../object-store';
import { keySegments } from './folder-key';

export class FolderLargeFiles implements LargeFiles {
  /** @param folder that of the store. */
  constructor(
    private readonly store: Pick<ObjectStore, 'put' | 'delete'>,
    private readonly folder: string,
  ) {}

  async holds(key: string, { size, sha256 }: FileInParts): Promise<boolean> {
    return this.hasContent(key, size, sha256);
  }

  async send(key: string, { file, size, sha256 }: FileInParts, { onArrived, signal }: SendOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    await this.store.put(key, { file });
    if (!(await this.hasContent(key, size, sha256, signal))) {
      await this.store.delete(key);
      signal?.throwIfAborted();
      throw new FileChanged(file);
    }
    onArrived?.(size, 'sent');
  }

  async readRange(key: string, start: number, length: number): Promise<Uint8Array | null> {
    const file = this.fileOf(key);
    if (!(await isFile(file))) return null;
    const handle = await open(file);
    try {
      const { size } = await handle.stat();
      const buffer = new Uint8Array(Math.max(0, Math.min(length, size - start)));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, start);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  }

  private async hasContent(key: string, size: number, sha256: string, signal?: AbortSignal): Promise<boolean> {
    const file = this.fileOf(key);
    if (!(await isFile(file, size))) return false;
    return (await cutFile(file, signal && { signal })).sha256 === sha256;
  }

  private fileOf(key: string): string {
    return path.join(this.folder, ...keySegments(key));
  }
}

/** As the store has it: a symbolic link is nothing. */
async function isFile(file: string, size?: number): Promise<boolean> {
  const status = await lstat(file).catch(() => null);
  return status?.isFile() === true && (size === undefined || status.size === size);
}
