/** Reading scheduler_config.json: unknown keys pass (diffusers writes every default), unsupported values do not. */
import { z } from 'zod';
import { fieldErrors } from '../../contract/field-error';
import { ModelError } from '../errors';

/** An option that is supported only switched off: absent, null or false. */
export const switchedOff = z.literal(false).nullish().meta({ rule: 'absent, null or false (not supported)' });

/** @throws ModelError naming every key that is wrong. */
export function parseSchedulerConfig<Schema extends z.ZodType>(schema: Schema, config: unknown): z.output<Schema> {
  const errors = fieldErrors(schema, config, 'scheduler_config.json');
  if (errors.length > 0) {
    throw new ModelError(`scheduler/scheduler_config.json: ${errors.map((error) => error.message).join(' ')}`);
  }
  return schema.parse(config);
}
