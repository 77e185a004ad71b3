/**
 * Puts a plan into the models bucket. No job ever gets half of a model, or parts of two: model_index.json, without which a model is
 * none, comes last, and goes first where another model of the name makes way.
 */
import type { Ports } from '../../clients/ports';
import { MODEL_HASHES_FILE_NAME, MODEL_INDEX_FILE_NAME, modelKey } from '../../contract/keys';
import type { Progress } from '../progress';
import { sizeOf } from './model-files';
import { type CutModelFile, isIndex, type PushPlan } from './push-plan';

/** Bytes. */
export interface SentBytes {
  readonly sent: number;
  /** Were there already. */
  readonly found: number;
}

export async function sendModel(
  { buckets, modelFiles }: Pick<Ports, 'buckets' | 'modelFiles'>,
  { model, toSend, toRemove, present, replaces, sendsHashes, hashes }: PushPlan,
  progress: Progress,
  signal: AbortSignal,
): Promise<SentBytes> {
  const total = sizeOf([...toSend, ...present]);
  let sent = 0;
  let found = sizeOf(present);
  const onArrived = (bytes: number, how: 'sent' | 'found') => {
    if (how === 'sent') sent += bytes;
    else found += bytes;
    progress.updateBytes(sent + found, total, found);
  };
  const send = async (files: readonly CutModelFile[]) => {
    for (const file of files) await modelFiles.send(modelKey(model, file.path), file, { onArrived, signal });
  };

  if (replaces) await buckets.models.delete(modelKey(model, MODEL_INDEX_FILE_NAME));
  if (toSend.length > 0) progress.begin('Sending');
  await send(toSend.filter((file) => !isIndex(file)));
  for (const path of toRemove) await buckets.models.delete(modelKey(model, path));
  if (sendsHashes) {
    await buckets.models.put(modelKey(model, MODEL_HASHES_FILE_NAME), hashes, { contentType: 'application/json' });
  }
  await send(toSend.filter(isIndex));
  return { sent, found };
}
