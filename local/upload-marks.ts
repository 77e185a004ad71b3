/**
 * Which state of each job.json has been announced, so that neither a restart nor a repeated look announces it once more, and so
 * that one deleted while nobody looked is noticed.
 */

import type { LmdbDatabase, LmdbStore } from '../clients/local/lmdb-store';
import { parseUploadKey } from '../contract/keys';

export class UploadMarks {
  private readonly db: LmdbDatabase<string>;

  constructor(private readonly store: LmdbStore) {
    this.db = store.database('upload-marks');
  }

  get(key: string): string | null {
    return this.db.get([key]) ?? null;
  }

  async set(key: string, state: string): Promise<void> {
    await this.store.change(() => void this.db.put([key], state));
  }

  async remove(key: string): Promise<void> {
    await this.store.change(() => void this.db.remove([key]));
  }

  keys(): string[] {
    return [...this.db.getKeys()].map(([key]) => key as string);
  }

  /** Those of one tenant, or of all for ''. */
  keysUnder(tenant: string): string[] {
    return this.keys().filter((key) => tenant === '' || parseUploadKey(key)?.tenant === tenant);
  }
}
