/**
 * What the form sends, and the job.json that becomes of it. Every field of the form bears the name that it has in job.json, so that an
 * error of the manifest finds its field.
 */
import { z } from 'zod';
import { fieldError } from '../../contract/field-error';
import { MAX_IMAGE_BYTES } from '../../contract/limits';
import { parseManifest } from '../../contract/manifest';
import { ERROR_CODES } from '../../contract/reference-check';
import { JobRejected } from '../../contract/rejection';
import { sizeText } from './human-text';

/** Where a field stands in job.json, and how its text is read: `optional` and `number` are left out when empty. */
export const FIELDS = {
  'reference_set.subject': 'text',
  'reference_set.consent.confirmed': 'flag',
  'reference_set.consent.reference': 'text',
  'input.prompt': 'text',
  'input.negative_prompt': 'optional',
  'input.seed': 'number',
  'input.steps': 'number',
  model: 'text',
  webhook: 'optional',
} as const;
/** One box for each: `reference_set.accept.no_face`. */
const ACCEPT_FIELDS = ERROR_CODES.map((code) => `reference_set.accept.${code}` as const);

export type FieldPath = keyof typeof FIELDS | (typeof ACCEPT_FIELDS)[number];

export const SubmissionSchema = z.strictObject({
  tenant: z.string(),
  /** Empty: named after the subject and the time. */
  set: z.string(),
  /** A job.json that came with the photos; what the form has no field for stays as it is there. */
  base: z.record(z.string(), z.unknown()).nullable(),
  fields: z.partialRecord(
    z.enum([...Object.keys(FIELDS), ...ACCEPT_FIELDS] as [FieldPath, ...FieldPath[]]),
    z.union([z.string(), z.boolean()]),
  ),
  images: z.array(z.strictObject({ file: z.string(), view: z.string(), size: z.number().nonnegative() })),
});
export type Submission = z.output<typeof SubmissionSchema>;

/**
 * The bytes of job.json.
 * @throws JobRejected with every field that is wrong.
 */
export function manifestBytes(submission: Submission): Uint8Array {
  const bytes = new TextEncoder().encode(`${JSON.stringify(manifestOf(submission), null, 2)}\n`);
  const errors = submission.images.flatMap(({ size }, i) =>
    size <= MAX_IMAGE_BYTES
      ? []
      : [fieldError(`reference_set.images[${i}].file`, `at most ${sizeText(MAX_IMAGE_BYTES)}`, sizeText(size))],
  );
  try {
    parseManifest(bytes, { isLocal: true });
  } catch (error) {
    if (!(error instanceof JobRejected)) throw error;
    errors.push(...error.details);
  }
  const [first, ...rest] = errors;
  if (first) throw new JobRejected('invalid_manifest', [first, ...rest]);
  return bytes;
}

/** `Ada Lovelace` at 21:14:05 -> `ada-lovelace-20261123-211405`. */
export function setName({ set, fields }: Submission, now: Date): string {
  if (set.trim() !== '') return set.trim();
  const subject = String(fields['reference_set.subject'] ?? '')
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replaceAll(/^-+|-+$/g, '');
  const time = now.toISOString().replaceAll(/[-:]/g, '').slice(0, 15).replace('T', '-');
  return `${subject || 'set'}-${time}`;
}

type JsonObject = Record<string, unknown>;

function manifestOf({ base, fields, images }: Submission): JsonObject {
  const manifest: JsonObject = { schema_version: 1, ...structuredClone(base ?? {}) };
  for (const [path, kind] of Object.entries(FIELDS)) {
    const value = fields[path as FieldPath] ?? '';
    setAt(manifest, path.split('.'), kind === 'text' || kind === 'flag' ? value : optionalValue(kind, String(value)));
  }
  setAccepted(manifest, fields);
  const known = imagesOf(base);
  const listed = images.map(({ file, view }) => {
    const { view: _, ...rest } = known.find((image) => image.file === file) ?? {};
    return { ...rest, file, ...(view !== '' && { view }) };
  });
  setAt(manifest, ['reference_set', 'images'], listed);
  return manifest;
}

/** The boxes say all of it; whoever sends none of them leaves what stands in the job.json. */
function setAccepted(manifest: JsonObject, fields: Submission['fields']): void {
  if (!ACCEPT_FIELDS.some((field) => field in fields)) return;
  const accepted = ERROR_CODES.filter((code) => fields[`reference_set.accept.${code}`] === true);
  setAt(manifest, ['reference_set', 'accept'], accepted.length > 0 ? accepted : undefined);
}

/** Undefined for what is not to stand in job.json. A text that is no number stays one: the error then quotes it. */
function optionalValue(kind: 'optional' | 'number', text: string): string | number | undefined {
  if (text.trim() === '') return undefined;
  return kind === 'number' && Number.isFinite(Number(text)) ? Number(text) : text;
}

function setAt(object: JsonObject, [first, ...rest]: readonly string[], value: unknown): void {
  if (first === undefined) return;
  if (rest.length === 0) {
    if (value === undefined) delete object[first];
    else object[first] = value;
    return;
  }
  if (!isObject(object[first])) object[first] = {};
  setAt(object[first] as JsonObject, rest, value);
}

function imagesOf(base: Submission['base']): JsonObject[] {
  const set = base?.reference_set;
  const images = isObject(set) ? set.images : null;
  return Array.isArray(images) ? images.filter(isObject) : [];
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
