/** Models that come with the program, put into the models bucket of a home that has none of their names. */
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { RESERVED_FOLDER } from '../clients/local/folder-key';
import { MODEL_INDEX_FILE_NAME } from '../contract/keys';

/** @param source folder with one model directory a model. @param bucket folder of the models bucket. */
export async function copyBundledModels(source: string, bucket: string): Promise<void> {
  const partials = path.join(bucket, RESERVED_FOLDER);
  await mkdir(partials, { recursive: true });
  const there = new Set(await readdir(bucket));
  const models = await readdir(source, { withFileTypes: true });
  // What lies beside them is not one: the networks that look at faces.
  const isModel = ({ name }: { name: string }) => existsSync(path.join(source, name, MODEL_INDEX_FILE_NAME));
  for (const { name } of models.filter((entry) => isModel(entry) && !there.has(entry.name))) {
    // A model is there completely or not at all.
    const partial = path.join(partials, `model-${name}`);
    await rm(partial, { recursive: true, force: true });
    await cp(path.join(source, name), partial, { recursive: true });
    await rename(partial, path.join(bucket, name));
  }
}
