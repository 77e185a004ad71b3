/**
 * Which state of each job.json has been announced, so that neither a restart nor a repeated look announces it once more, and so
 * that one deleted while nobody looked is noticed.
 */

import { parseUploadKey } from '../../contract/keys';
import { keysUnder, type LmdbDatabase, type LmdbStore } from './lmdb-store';

/** LMDB gives a key of one part back as that part alone. */
const MARK = 'mark';

export class UploadMarks {
  private readonly db: LmdbDatabase<string>;

  constructor(private readonly store: LmdbStore) {
    this.db = store.database('upload-marks');
  }

  get(key: string): string | null {
    return this.db.get([MARK, key]) ?? null;
  }

  async set(key: string, state: string): Promise<void> {
    await this.store.change(() => void this.db.put([MARK, key], state));
  }

  async remove(key: string): Promise<void> {
    await this.store.change(() => void this.db.remove([MARK, key]));
  }

  keys(): string[] {
    return [...this.db.getKeys(keysUnder([MARK]))].map(([, key]) => key as string);
  }

  /** Those of one tenant. */
  keysOf(tenant: string): string[] {
    return this.keys().filter((key) => parseUploadKey(key)?.tenant === tenant);
  }
}
