/**
 * Runs of a training, in the models bucket:
 *
 *   training/<run>/config.json     what was asked for; written once
 *   training/<run>/progress.json   how far it is; written by training/on_batch.py
 */
import { z } from 'zod';

export const TRAINING_PREFIX = 'training/';
export const CONFIG_FILE_NAME = 'config.json';
export const PROGRESS_FILE_NAME = 'progress.json';

/** Also the name of the Batch job. */
export const RunNameSchema = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?$/)
  .meta({
    rule: 'lower-case letters, digits, "-" and "_", at most 64, starting and ending with a letter or digit',
  });

/** It may grow: what is read here is what users are shown. */
export const TrainingProgressSchema = z.looseObject({
  /** What it does: a stage's name, or how it ended. */
  state: z.string(),
  step: z.int().nonnegative().nullable(),
  loss: z.number().nullable(),
  updated_at: z.iso.datetime({ offset: true }),
});
export type TrainingProgress = z.output<typeof TrainingProgressSchema>;

export function trainingKey(run: string, file: string): string {
  return `${TRAINING_PREFIX}${run}/${file}`;
}
