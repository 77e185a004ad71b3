/** What is made from the code is what the code would make now, and the JSON Schemas say what the schemas in contract/ say. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import Ajv2020 from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import { MAX_METADATA_BYTES } from '../../contract/limits';
import { ManifestSchema } from '../../contract/manifest';
import { documents } from '../../docs/reference/documents';
import { referenceFiles } from '../../docs/reference/files';
import { fieldsOf } from '../../docs/reference/schema-fields';
import { settingsComments } from '../../docs/reference/settings-page';
import { SettingsSchema } from '../../infra/settings';

const ROOT = path.resolve(__dirname, '../..');
const RUNS = 1500;
const FIXTURES: Record<string, string[]> = {
  'job.json': ['manifest-v1.json', 'manifest-v1-least.json'],
  'The job object': ['job-v1-succeeded.json', 'job-v1-rejected.json'],
};

const SCHEMAS = new Map(documents().map((document) => [document.title, validator(document.schemaFile)]));
const isManifest = SCHEMAS.get('job.json')!;
const FULL = fixture('manifest-v1.json');

test.each([...referenceFiles()])('%s is up to date (npm run docs)', (file, text) => {
  expect(readFileSync(path.join(ROOT, file), 'utf8')).toBe(text);
});

test.each(Object.entries(FIXTURES))('%s: the fixtures are valid', (title, files) => {
  const document = documents().find((each) => each.title === title)!;
  for (const file of files) {
    const value = fixture(file);
    expect(document.schema.safeParse(value).success).toBe(true);
    expect(errorsOf(title, value)).toEqual([]);
  }
});

test('a webhook is valid', () => {
  const body = { type: 'job.succeeded', timestamp: '2026-11-23T12:00:00.000Z', data: fixture('job-v1-succeeded.json') };
  expect(errorsOf('Webhooks', body)).toEqual([]);
  expect(errorsOf('Webhooks', { ...body, type: 'job.lost' })).not.toEqual([]);
});

test('the example is valid', () => {
  expect(errorsOf('job.json', JSON.parse(readFileSync(path.join(ROOT, 'examples/ada/job.json'), 'utf8')))).toEqual([]);
});

test('of a job.json, the schema refuses what the service refuses, but for what a schema cannot say', () => {
  let accepted = 0;
  let refused = 0;
  fc.assert(
    fc.property(fc.array(mutation(FULL), { minLength: 1, maxLength: 2 }), (mutations) => {
      const manifest = mutated(FULL, mutations);
      const isTaken = ManifestSchema.safeParse(manifest).success;
      const isValid = isManifest(manifest) || false;
      if (isTaken) accepted++;
      else if (!isValid) refused++;
      expect({ manifest, isValid }).toEqual({ manifest, isValid: isTaken || (isValid && isBeyondSchemas(manifest)) });
    }),
    { numRuns: RUNS },
  );
  // The cases are no use if they are all alike.
  expect(accepted).toBeGreaterThan(RUNS / 50);
  expect(refused).toBeGreaterThan(RUNS / 4);
});

test.each(documents().filter(({ title }) => title in FIXTURES && title !== 'job.json'))(
  '$title: whatever we may write, its schema lets pass; and new fields',
  ({ title, schema }) => {
    const value = fixture(FIXTURES[title]![0]!);
    fc.assert(
      fc.property(mutation(value), (change) => {
        // With what older documents lack.
        const { data } = schema.safeParse(mutated(value, [change]));
        if (data !== undefined) expect(errorsOf(title, data)).toEqual([]);
      }),
      { numRuns: RUNS },
    );
    expect(errorsOf(title, { ...value, a_new_field: 1 })).toEqual([]);
    expect(errorsOf(title, { ...value, status: undefined })).not.toEqual([]);
  },
);

test('every setting is described, by itself or by its group', () => {
  const comments = settingsComments();
  const described = (field: string): boolean => {
    const owner = field.split('.').slice(0, -1).join('.').replace(/\[\]$/, '');
    return comments.has(field) || (owner !== '' && described(owner));
  };
  const paths = fieldsOf(SettingsSchema).map((field) => field.path);
  // Memory of a node is told with its processors.
  expect(paths.filter((field) => !described(field))).toEqual(['training.memory_gib']);
});

function validator(file: string) {
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
  addFormats(ajv);
  return ajv.compile(JSON.parse(readFileSync(path.join(ROOT, file), 'utf8')));
}

function errorsOf(title: string, value: unknown): unknown[] {
  const validate = SCHEMAS.get(title)!;
  return validate(JSON.parse(JSON.stringify(value))) ? [] : (validate.errors ?? []);
}

function fixture(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(path.join(ROOT, 'test/fixtures/contract', name), 'utf8'));
}

/** Bytes of metadata, addresses that cannot be read, and emojis that fill a text: see docs/contract.md. */
function isBeyondSchemas(manifest: unknown): boolean {
  const { metadata, webhook } = manifest as { metadata?: unknown; webhook?: unknown };
  const isLong = metadata !== undefined && Buffer.byteLength(JSON.stringify(metadata)) > MAX_METADATA_BYTES;
  const isNoAddress = webhook !== undefined && !isPlainAddress(String(webhook));
  return isLong || isNoAddress || hasLongText(manifest);
}

function isPlainAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { username, password, hash } = new URL(text);
  return username === '' && password === '' && hash === '';
}

function hasLongText(value: unknown): boolean {
  if (typeof value === 'string') return value.length > [...value].length;
  return typeof value === 'object' && value !== null && Object.values(value).some(hasLongText);
}

interface Mutation {
  readonly at: readonly string[];
  /** Undefined takes the field away. */
  readonly value: unknown;
}

function mutation(value: unknown): fc.Arbitrary<Mutation> {
  const paths = pathsOf(value).filter((each) => each.length > 0);
  const somewhere = fc.constantFrom(...paths);
  const text = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.constantFrom('', '  ', 'x'.repeat(4000), 'x'.repeat(4001), '😀'.repeat(2001), 'a.PNG', 'b.jPeG', '.png', 'low'),
    fc.webUrl({ validSchemes: ['https', 'http', 'HTTPS'], withFragments: true }),
    fc.constantFrom('https:example.com', ' https://example.com', 'https://user:secret@example.com', 'https://'),
    fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  );
  const number = fc.oneof(fc.integer({ min: -5, max: 200 }), fc.double({ noNaN: true, noDefaultInfinity: true }));
  const any = fc.oneof(text, number, fc.boolean(), fc.jsonValue(), fc.constant(undefined));
  return fc.oneof(
    fc.record({ at: somewhere, value: any }),
    fc.record({ at: fc.tuple(somewhere, fc.string()).map(([at, key]) => [...at, key]), value: any }),
  );
}

function mutated(value: unknown, mutations: readonly Mutation[]): unknown {
  const copy = structuredClone(value);
  for (const { at, value: put } of mutations) {
    const owner = at
      .slice(0, -1)
      .reduce<unknown>((inner, key) => (inner as Record<string, unknown> | null)?.[key], copy);
    if (typeof owner !== 'object' || owner === null) continue;
    const key = at.at(-1)!;
    if (put === undefined) delete (owner as Record<string, unknown>)[key];
    else if (key !== '__proto__') (owner as Record<string, unknown>)[key] = put;
  }
  // As it would be read from a file: no holes in lists, no numbers that JSON has not.
  return JSON.parse(JSON.stringify(copy));
}

function pathsOf(value: unknown, above: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [above];
  return [above, ...Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...above, key]))];
}
