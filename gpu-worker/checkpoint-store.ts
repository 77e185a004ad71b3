/** The checkpoint of one job in the results bucket: written while the job runs, gone when it is over. */
import type { ObjectStore } from '../clients/object-store';
import type { JobId } from '../contract/job';
import { checkpointKey } from '../contract/keys';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint';
import { type Snapshot, stepsDone } from './snapshot';

const FILE_NAME = 'state.mv2id';

export class CheckpointStore {
  private savedSteps = 0;
  private saving: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly results: ObjectStore,
    private readonly jobId: JobId,
    /** See `fingerprintOf`. */
    private readonly fingerprint: string,
  ) {}

  /** The stored snapshot; null when there is none, or with `onUnusable` called when it is broken or another job's. */
  async load(onUnusable: (reason: string) => void): Promise<Snapshot | null> {
    const object = await this.results.get(checkpointKey(this.jobId, FILE_NAME));
    if (!object) return null;
    try {
      const { fingerprint, snapshot } = decodeCheckpoint(object.body);
      if (fingerprint === this.fingerprint) {
        this.savedSteps = stepsDone(snapshot);
        return snapshot;
      }
      onUnusable('it is one of other images, another model or other settings');
    } catch (error) {
      onUnusable((error as Error).message);
    }
    return null;
  }

  /** Stores it, after what is being stored, unless as much is stored already. @returns whether anything was written. */
  async save(snapshot: Snapshot): Promise<boolean> {
    const write = this.saving
      .catch(() => {})
      .then(async () => {
        const steps = stepsDone(snapshot);
        if (steps <= this.savedSteps) return false;
        const body = encodeCheckpoint({ fingerprint: this.fingerprint, snapshot });
        await this.results.put(checkpointKey(this.jobId, FILE_NAME), body);
        this.savedSteps = steps;
        return true;
      });
    this.saving = write;
    return write;
  }

  /** Resolves when nothing is being stored. */
  async settled(): Promise<void> {
    await this.saving.catch(() => {});
  }
}

/** Removes whatever a job has left under `checkpoint/`. */
export async function deleteCheckpoints(results: ObjectStore, jobId: JobId): Promise<void> {
  for await (const { key } of results.list(checkpointKey(jobId, ''))) await results.delete(key);
}
