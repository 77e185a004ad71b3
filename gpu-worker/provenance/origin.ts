/** Where a video comes from: what its metadata may tell everybody. */
import type { JobId } from '../../contract/job';
import packageJson from '../../package.json';

export interface Origin {
  readonly jobId: JobId;
  /** Id of the model. */
  readonly model: string;
  /** Of the paths, sizes and contents of the model's files; null where nobody has read them all. */
  readonly modelSha256: string | null;
}

export const GENERATOR = { name: 'mv2id', version: packageJson.version } as const;
