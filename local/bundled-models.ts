/** Models that come with the program, put into the models bucket of a home that has none of their names. */
import { cp, mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { RESERVED_FOLDER } from '../clients/local/folder-key';

/** @param source folder with one model directory a model. @param bucket folder of the models bucket. */
export async function copyBundledModels(source: string, bucket: string): Promise<void> {
  const partials = path.join(bucket, RESERVED_FOLDER);
  await mkdir(partials, { recursive: true });
  const there = new Set(await readdir(bucket));
  const models = await readdir(source, { withFileTypes: true });
  for (const { name } of models.filter((entry) => entry.isDirectory() && !there.has(entry.name))) {
    // A model is there completely or not at all.
    const partial = path.join(partials, `model-${name}`);
    await rm(partial, { recursive: true, force: true });
    await cp(path.join(source, name), partial, { recursive: true });
    await rename(partial, path.join(bucket, name));
  }
}
