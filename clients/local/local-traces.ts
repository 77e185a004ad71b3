/** What a local deployment keeps of a job beside buckets and records: jobs of the local Batch, logs and folders of workers. */
import { readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { JobId } from '../../contract/job';
import type { JobTrace, JobTraces } from '../job-traces';
import type { BatchStore } from './batch-store';
import type { LocalHome } from './home';
import type { UploadMarks } from './upload-marks';

interface FoundTrace extends JobTrace {
  remove(): Promise<void>;
}

/** Of a worker that was killed; one that runs removes its own: `mv2id-<job id>-<attempt>`. */
const WORK_FOLDER = /^mv2id-(job-[a-z2-7]{26})-\d+$/;

export class LocalTraces implements JobTraces {
  readonly outOfReach = [
    'The store of the home may keep removed records in pages of its file that are free, until they are written over.',
    'Backups and snapshots of the home folder are kept by whoever makes them.',
    'What receivers of webhooks and holders of links have fetched is theirs.',
  ];

  /** @param workRoot where workers put their folders. */
  constructor(
    private readonly home: LocalHome,
    private readonly batchStore: BatchStore,
    private readonly marks: UploadMarks,
    private readonly workRoot = tmpdir(),
  ) {}

  async find(ids: ReadonlySet<JobId>, uploadsPrefix: string): Promise<JobTrace[]> {
    return (await this.traces(ids, uploadsPrefix)).map(({ name, kind, bytes }) => ({ name, kind, bytes }));
  }

  async erase(ids: ReadonlySet<JobId>, uploadsPrefix: string): Promise<JobTrace[]> {
    const traces = await this.traces(ids, uploadsPrefix);
    for (const trace of traces) await trace.remove();
    return traces.map(({ name, kind, bytes }) => ({ name, kind, bytes }));
  }

  private async traces(ids: ReadonlySet<JobId>, uploadsPrefix: string): Promise<FoundTrace[]> {
    const batchJobs = ids.size === 0 ? [] : this.batchStore.jobsNamed(ids);
    return [
      ...this.uploadMarks(uploadsPrefix),
      // The logs bear the ids of Batch jobs, so they come first: whoever is interrupted finds the rest by them again.
      ...(await this.logs(batchJobs)),
      ...(await this.workFolders(ids)),
      ...batchJobs.map((id): FoundTrace => {
        return { name: id, kind: 'batch_jobs', bytes: 0, remove: () => this.batchStore.forget(id) };
      }),
    ];
  }

  /** Notes of what was announced to the queue `intake`. */
  private uploadMarks(prefix: string): FoundTrace[] {
    const keys = this.marks.keys().filter((key) => key.startsWith(prefix));
    return keys.map((name) => ({ name, kind: 'messages', bytes: 0, remove: () => this.marks.remove(name) }));
  }

  private async logs(batchJobs: readonly string[]): Promise<FoundTrace[]> {
    const files = await readdir(this.home.logs).catch(() => []);
    const own = files.filter((file) => batchJobs.some((id) => file.startsWith(`${id}-`)));
    return Promise.all(own.map((file) => onDisk(path.join(this.home.logs, file))));
  }

  private async workFolders(ids: ReadonlySet<JobId>): Promise<FoundTrace[]> {
    const names = await readdir(this.workRoot).catch(() => []);
    const own = names.filter((name) => ids.has(WORK_FOLDER.exec(name)?.[1] as JobId));
    return Promise.all(own.map((name) => onDisk(path.join(this.workRoot, name))));
  }
}

async function onDisk(file: string): Promise<FoundTrace> {
  const status = await stat(file).catch(() => null);
  return {
    name: path.basename(file),
    kind: 'logs',
    bytes: status?.isFile() ? status.size : 0,
    remove: () => rm(file, { recursive: true, force: true }),
  };
}
