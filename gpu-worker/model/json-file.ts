/**
 * Reads the JSON files of a model directory: whatever is wrong with one is the directory's fault.
 */

import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { fieldErrors } from '../../contract/field-error';
import { ModelError } from '../errors';

/** Start of a text that is quoted when it is no JSON. */
const QUOTED_LENGTH = 40;

/** @throws ModelError when the file cannot be read or is not JSON. */
export async function readJson(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new ModelError(`${file} must be a readable file, got ${error.code}.`, { cause: error });
  });
  return parseJson(file, text);
}

/**
 * @param what the subject of the message: a file, or a part of one.
 * @throws ModelError when the text is not JSON.
 */
export function parseJson(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const start = JSON.stringify(text.slice(0, QUOTED_LENGTH));
    throw new ModelError(`${what} must be JSON, got ${start}.`, { cause: error });
  }
}

/**
 * `json` as the schema reads it.
 * @param file stands before each message; @param root names the whole where an error has no field of its own.
 * @throws ModelError naming every key that is wrong.
 */
export function parseAs<Schema extends z.ZodType>(
  schema: Schema,
  json: unknown,
  file: string,
  root: string,
): z.output<Schema> {
  const errors = fieldErrors(schema, json, root);
  if (errors.length > 0) throw new ModelError(`${file}: ${errors.map(({ message }) => message).join(' ')}`);
  return schema.parse(json);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
