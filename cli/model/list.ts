/** `mv2id model list`: the models that jobs may name, and those that are being brought. */
import type { ObjectStore } from '../../clients/object-store';
import { MODEL_HASHES_FILE_NAME, MODEL_INDEX_FILE_NAME } from '../../contract/keys';
import { TRAINING_PREFIX } from '../../contract/training-run';
import { byteText } from '../../gpu-worker/memory';
import { writeJson } from '../json-line';
import type { ProfileOptions } from '../profile';
import { withService } from '../service';
import type { Streams } from '../streams';
import { textTable } from '../text-table';

export interface ListModelsOptions extends ProfileOptions {
  readonly json?: boolean;
}

/** A model as the bucket has it. */
export interface StoredModel {
  readonly id: string;
  readonly files: number;
  readonly bytes: number;
  /** Jobs may name it. */
  readonly is_whole: boolean;
  /** Workers compare its files with sha256.json. */
  readonly has_hashes: boolean;
  /** ISO time of the file that changed last. */
  readonly changed_at: string;
}

export async function runListModels(options: ListModelsOptions, { stdout }: Streams): Promise<void> {
  const models = await withService(options, ({ ports }) => storedModels(ports.buckets.models));
  if (options.json) return writeJson(stdout, models);
  const rows = models.map(({ id, files, bytes, is_whole, has_hashes, changed_at }) => [
    id,
    is_whole ? 'yes' : `no: lacks ${MODEL_INDEX_FILE_NAME}`,
    has_hashes ? 'yes' : 'no',
    String(files),
    byteText(bytes),
    `${changed_at.slice(0, 19).replace('T', ' ')} UTC`,
  ]);
  const heading = ['MODEL', 'WHOLE', 'HASHES', 'FILES', 'SIZE', 'CHANGED'];
  for (const line of textTable([heading, ...rows])) stdout.write(`${line}\n`);
}

/** In the order of their ids. */
export async function storedModels(bucket: Pick<ObjectStore, 'list'>): Promise<StoredModel[]> {
  const models = new Map<string, { paths: Set<string>; bytes: number; changedAt: number }>();
  for await (const { key, size, lastModified } of bucket.list('')) {
    const slash = key.indexOf('/');
    const path = key.slice(slash + 1);
    const id = key.slice(0, Math.max(slash, 0));
    if (id === '' || path === '' || isReserved(id)) continue;
    const model = models.get(id) ?? { paths: new Set(), bytes: 0, changedAt: 0 };
    models.set(id, model);
    model.paths.add(path);
    model.bytes += size;
    model.changedAt = Math.max(model.changedAt, lastModified.getTime());
  }
  return [...models].map(([id, { paths, bytes, changedAt }]) => ({
    id,
    files: paths.size,
    bytes,
    is_whole: paths.has(MODEL_INDEX_FILE_NAME),
    has_hashes: paths.has(MODEL_HASHES_FILE_NAME),
    changed_at: new Date(changedAt).toISOString(),
  }));
}

/** Whether the bucket holds something else under this name. */
export function isReserved(id: string): boolean {
  return `${id}/` === TRAINING_PREFIX;
}
