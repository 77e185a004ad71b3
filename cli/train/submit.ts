/**
 * `mv2id train submit`: judges a config, uploads it and starts its run. A run that ended early, or was canceled, goes on from its
 * checkpoint when the same config is submitted again.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { isActive } from '../../clients/aws/aws-training';
import { type ObjectStore, PreconditionFailed } from '../../clients/object-store';
import { fieldErrors } from '../../contract/field-error';
import { CONFIG_FILE_NAME, trainingKey } from '../../contract/training-run';
import { UsageError } from '../exit-code';
import { writeJson } from '../json-line';
import type { ProfileOptions } from '../profile';
import type { Streams } from '../streams';
import { requireRunName, withTraining } from './training-service';

export interface TrainSubmitOptions extends ProfileOptions {
  readonly name?: string;
  readonly nodes?: number;
  readonly json?: boolean;
}

/** The same file that training/config_schema.py judges by. */
const SCHEMA_FILE = path.resolve(__dirname, '../../training/config/schema.json');

/** @throws UsageError naming every field of the config that is wrong. */
export async function runTrainSubmit(file: string, options: TrainSubmitOptions, streams: Streams): Promise<void> {
  const bytes = await readConfig(file);
  const run = requireRunName(options.name ?? path.basename(file, path.extname(file)), '--name');
  await withTraining(options, async ({ training, models }) => {
    const present = await training.newest(run);
    if (present && isActive(present)) {
      throw new UsageError(`--name must be a run that is not under way, got ${run} (Batch job ${present.id}).`);
    }
    await uploadConfig(models, run, bytes);
    const id = await training.submit(run, options.nodes);
    if (options.json) writeJson(streams.stdout, { run, batch_job_id: id });
    else streams.stdout.write(`${run}\nBatch job ${id}; "mv2id train status ${run}" tells how far it is.\n`);
  });
}

async function readConfig(file: string): Promise<Uint8Array> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${file} must be a readable file, got ${error.code}.`);
  });
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new UsageError(`${file} must be JSON, got ${(error as Error).message}.`);
  }
  const schema = z.fromJSONSchema(JSON.parse(await readFile(SCHEMA_FILE, 'utf8')));
  const errors = fieldErrors(schema, value, file);
  if (errors.length > 0) throw new UsageError(errors.map(({ message }) => message).join(' '));
  return bytes;
}

/** A run has one config for good: what is in its checkpoints was made by it. */
async function uploadConfig(models: ObjectStore, run: string, bytes: Uint8Array): Promise<void> {
  const key = trainingKey(run, CONFIG_FILE_NAME);
  try {
    await models.put(key, bytes, { contentType: 'application/json', ifNoneMatch: '*' });
  } catch (error) {
    if (!(error instanceof PreconditionFailed)) throw error;
    const present = await models.get(key);
    if (present && Buffer.from(present.body).equals(bytes)) return;
    throw new UsageError(`--name must be one of a new run for another config, got ${run}.`);
  }
}
