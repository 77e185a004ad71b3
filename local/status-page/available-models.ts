/** The models of the deployment, for the form. */
import { z } from 'zod';
import type { ObjectStore } from '../../clients/object-store';
import { modelKey } from '../../contract/keys';

export interface AvailableModel {
  readonly id: string;
  /** What the model decides when job.json does not; null where it says nothing. */
  readonly defaultSteps: number | null;
  /** Views it can take; null where it says nothing. */
  readonly maxReferences: number | null;
}

const MODEL_INDEX = '/model_index.json';
const CONDITIONING_FILE_NAME = 'reference_conditioning.json';
const MAX_CONDITIONING_BYTES = 1024 * 1024;

/** As far as the form shows it; the worker judges the file. */
const ConditioningSchema = z.looseObject({
  max_references: z.int().positive().optional(),
  defaults: z.looseObject({ steps: z.int().positive().optional() }).optional(),
});

/** In the order of their ids. */
export async function listModels(models: ObjectStore): Promise<AvailableModel[]> {
  const ids: string[] = [];
  for await (const { key } of models.list('')) {
    const id = key.endsWith(MODEL_INDEX) ? key.slice(0, -MODEL_INDEX.length) : '';
    if (id !== '' && !id.includes('/')) ids.push(id);
  }
  return Promise.all(ids.map((id) => describeModel(models, id)));
}

async function describeModel(models: ObjectStore, id: string): Promise<AvailableModel> {
  const conditioning = parse(await readSmall(models, modelKey(id, CONDITIONING_FILE_NAME)));
  return {
    id,
    defaultSteps: conditioning?.defaults?.steps ?? null,
    maxReferences: conditioning?.max_references ?? null,
  };
}

async function readSmall(models: ObjectStore, key: string): Promise<string> {
  const info = await models.head(key);
  if (!info || info.size > MAX_CONDITIONING_BYTES) return '';
  return new TextDecoder().decode((await models.get(key))?.body);
}

function parse(text: string): z.output<typeof ConditioningSchema> | null {
  try {
    return ConditioningSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
