/** Reading scheduler_config.json: unknown keys pass (diffusers writes every default), unsupported values do not. */
import { z } from 'zod';
import { parseAs } from '../model/json-file';

/** An option that is supported only switched off: absent, null or false. */
export const switchedOff = z.literal(false).nullish().meta({ rule: 'absent, null or false (not supported)' });

/** @throws ModelError naming every key that is wrong. */
export function parseSchedulerConfig<Schema extends z.ZodType>(schema: Schema, config: unknown): z.output<Schema> {
  return parseAs(schema, config, 'scheduler/scheduler_config.json', 'scheduler_config.json');
}
