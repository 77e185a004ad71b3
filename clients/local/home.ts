/** Where everything of a local deployment lies inside its home folder. Nobody else builds these paths. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import type { BucketName } from '../../contract/deployment';
import { processStart } from './process-start';

export interface LocalHome {
  /** Absolute. */
  readonly folder: string;
  readonly buckets: string;
  /** The LMDB environment: a folder. */
  readonly store: string;
  readonly logs: string;
  readonly modelCache: string;
  /** Mode 0600. */
  readonly webhookSecrets: string;
  /** Signs the links to results; mode 0600. */
  readonly linkKey: string;
  /** Says where `mv2id serve` listens, while it runs. */
  readonly serve: string;
  bucket(name: BucketName): string;
  /** What a worker printed. @param attempt from 1. */
  log(batchJobId: string, attempt: number): string;
}

/** In the folder where the command runs. */
export const DEFAULT_HOME = 'mv2id-data';

/** Content of `serve.json`. */
export const RunningServeSchema = z.object({
  pid: z.int().positive(),
  /** Of `processStart`; null where there is no telling. */
  process_start: z.string().nullable(),
  /** Of the status page, without a slash at the end. */
  url: z.url(),
});
export type RunningServe = z.output<typeof RunningServeSchema>;

export function localHome(folder: string): LocalHome {
  const home = path.resolve(folder);
  const inside = (...names: string[]) => path.join(home, ...names);
  return {
    folder: home,
    buckets: inside('buckets'),
    store: inside('store'),
    logs: inside('logs'),
    modelCache: inside('model-cache'),
    webhookSecrets: inside('webhook-secrets.json'),
    linkKey: inside('link-key'),
    serve: inside('serve.json'),
    bucket: (name) => inside('buckets', name),
    log: (batchJobId, attempt) => inside('logs', `${batchJobId}-${attempt}.log`),
  };
}

/** The `serve` that runs on a home; null when none does, also after one that was killed and left its file. */
export function runningServe(home: LocalHome): RunningServe | null {
  let text: string;
  try {
    text = readFileSync(home.serve, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const serve = RunningServeSchema.safeParse(parseJson(text));
  return serve.success && isAlive(serve.data) ? serve.data : null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isAlive({ pid, process_start }: RunningServe): boolean {
  // After a restart of the machine, or of a container, the number may be somebody else's.
  if (process_start !== null && processStart(pid) !== process_start) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // The process of another user may not be signalled, but it is there.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
