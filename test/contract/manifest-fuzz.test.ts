/** Whatever bytes a job.json is made of, reading it ends in a manifest or in a rejection that names fields, and in nothing else. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import type { FieldError } from '../../contract/field-error';
import { MAX_MANIFEST_BYTES } from '../../contract/limits';
import { LocalManifestSchema, ManifestSchema, parseManifest, webhookOf } from '../../contract/manifest';
import { JobRejected } from '../../contract/rejection';

const RUNS = 2500;
const FULL = JSON.parse(readFileSync(path.resolve(__dirname, '../fixtures/contract/manifest-v1.json'), 'utf8'));
/** "<field> must be <rule>, got <value>.", on one line, and short enough to be read. */
const GRAMMAR = /^[^\p{Cc}]+ must be [^\p{Cc}]+, got [^\p{Cc}]+\.$/u;
const MAX_MESSAGE_LENGTH = 1000;

let accepted = 0;
let rejected = 0;

function expectNamedOutcome(bytes: Uint8Array): void {
  for (const isLocal of [false, true]) {
    const webhook = webhookOf(bytes, { isLocal });
    if (webhook !== null) expect(new URL(webhook).username).toBe('');
    try {
      const manifest = parseManifest(bytes, { isLocal });
      expect((isLocal ? LocalManifestSchema : ManifestSchema).safeParse(manifest).success).toBe(true);
      accepted++;
    } catch (error) {
      if (!(error instanceof JobRejected)) throw error;
      rejected++;
      expectNamedFields(error);
    }
  }
}

function expectNamedFields({ code, details, message }: JobRejected): void {
  const isNamed = ({ path: field, message: text }: FieldError) =>
    field !== '' && text.startsWith(`${field} must be `) && text.length <= MAX_MESSAGE_LENGTH && GRAMMAR.test(text);
  // One assertion a manifest: there are thousands of messages.
  expect({ code, unnamed: details.filter((detail) => !isNamed(detail)) }).toEqual({
    code: 'invalid_manifest',
    unnamed: [],
  });
  expect(message.startsWith(details[0].message)).toBe(true);
}

function asJson(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value) ?? 'undefined');
}

/** Every path of a JSON value, as keys from its root. */
function pathsOf(value: unknown, above: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [above];
  return [above, ...Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...above, key]))];
}

function changedAt(value: unknown, [key, ...rest]: string[], change: (value: unknown) => unknown): unknown {
  if (key === undefined) return change(value);
  const copy = Array.isArray(value) ? [...value] : { ...(value as object) };
  const owner = copy as Record<string, unknown>;
  const inner = changedAt(owner[key], rest, change);
  if (inner === undefined) delete owner[key];
  else Object.defineProperty(owner, key, { value: inner, enumerable: true, configurable: true, writable: true });
  return copy;
}

const PATHS = pathsOf(FULL);
const STRANGE_KEYS = [
  '__proto__',
  'constructor',
  'toString',
  '',
  ' ',
  'a.b',
  '"',
  'new\nline',
  '\u0000',
  '\ud800',
  '[0]',
];
const STRANGE_VALUES = [
  null,
  true,
  0,
  -0,
  -1,
  1.5,
  1e308,
  2 ** 53,
  '',
  ' ',
  '\u0000',
  '\ud800',
  'http://127.0.0.1/',
  'https://user:secret@example.com',
  'https://[::1]/',
  'https://x#y',
  '../../etc/passwd.png',
  'a\n.png',
  'x'.repeat(5000),
  [],
  {},
  [[]],
  Array.from({ length: 300 }, (_, i) => i),
  JSON.parse('{"__proto__": {"polluted": true}}'),
];

const strangeKey = fc.oneof(fc.constantFrom(...STRANGE_KEYS), fc.string({ unit: 'binary', maxLength: 200 }));
const strangeValue = fc.oneof(fc.constantFrom(...STRANGE_VALUES), fc.jsonValue());
const mutation = fc.oneof(
  fc.record({ at: fc.constantFrom(...PATHS), value: strangeValue }),
  fc.record({ at: fc.constantFrom(...PATHS), value: fc.constant(undefined) }),
  fc.record({
    at: fc.tuple(fc.constantFrom(...PATHS), strangeKey).map(([at, key]) => [...at, key]),
    value: strangeValue,
  }),
);

function mutated(mutations: readonly { at: string[]; value: unknown }[]): unknown {
  return mutations.reduce<unknown>((json, { at, value }) => {
    try {
      return changedAt(json, at, () => value);
    } catch {
      return json; // an earlier mutation has taken the place away
    }
  }, FULL);
}

test('any JSON', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), (text) => expectNamedOutcome(Buffer.from(text))),
    { numRuns: RUNS },
  );
});

test('a good manifest with a few things changed', () => {
  fc.assert(
    fc.property(fc.array(mutation, { maxLength: 3 }), (mutations) => expectNamedOutcome(asJson(mutated(mutations)))),
    { numRuns: RUNS },
  );
  expect(accepted).toBeGreaterThan(RUNS / 50);
  expect(rejected).toBeGreaterThan(RUNS / 2);
});

test('a good manifest with bytes changed, added and cut off', () => {
  const good = asJson(FULL);
  const edit = fc.record({
    at: fc.nat(good.length),
    remove: fc.nat(3),
    insert: fc.uint8Array({ maxLength: 4 }),
  });
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), fc.nat(good.length), (edits, length) => {
      const bytes = edits.reduce<Uint8Array>(
        (all, { at, remove, insert }) => Buffer.concat([all.subarray(0, at), insert, all.subarray(at + remove)]),
        good,
      );
      expectNamedOutcome(bytes);
      expectNamedOutcome(bytes.subarray(0, length));
    }),
    { numRuns: RUNS },
  );
});

test('any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => expectNamedOutcome(bytes)),
    { numRuns: RUNS },
  );
});

describe('as much of it as fits', () => {
  const most = MAX_MANIFEST_BYTES;
  test.each<[string, string]>([
    ['open brackets', '['.repeat(most)],
    ['brackets', '['.repeat(most / 2) + ']'.repeat(most / 2)],
    ['objects in objects', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`],
    [
      'nesting in metadata',
      JSON.stringify(FULL).replace('{', `{"metadata":{"a":${'['.repeat(9000)}${']'.repeat(9000)}},`),
    ],
    ['brackets in a text, which are none', JSON.stringify({ text: '[{"'.repeat(9000) })],
    ['a list of wrong images', JSON.stringify({ reference_set: { images: Array(9000).fill(1) } })],
    ['unknown keys', JSON.stringify(Object.fromEntries(Array.from({ length: 4000 }, (_, i) => [`key${i}`, i])))],
    ['one long key', JSON.stringify({ ['k'.repeat(60_000)]: 1 })],
    ['one long text', JSON.stringify({ model: 'm'.repeat(60_000) })],
    ['an open text', `"${'a'.repeat(most - 1)}`],
    ['backslashes', `"${'\\'.repeat(most - 1)}`],
    ['spaces', ' '.repeat(most)],
    ['digits', '1'.repeat(most)],
    ['one byte too many', ' '.repeat(most + 1)],
  ])('%s', (_name, text) => expectNamedOutcome(Buffer.from(text)));
});

test.each(['\u007f', '\u0085', '\u202e', '\u2028', '\u{e0001}'])('an invisible character is shown: %j', (character) => {
  const bytes = asJson({ [`a${character}`]: 1, model: character });
  expectNamedOutcome(bytes);
  expect(() => parseManifest(bytes)).toThrow(/^(?!.*[\p{Cc}\p{Cf}\p{Zl}\p{Zp}])/u);
});

test('nothing that a manifest says reaches the prototypes', () => {
  expectNamedOutcome(Buffer.from('{"__proto__": {"polluted": true}, "metadata": {"__proto__": {"polluted": true}}}'));
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});
