import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { FieldError } from '../../contract/field-error';
import { parseManifest } from '../../contract/manifest';
import { JobRejected } from '../../contract/rejection';

const FIXTURES = path.resolve(__dirname, '../fixtures/contract');

/** A manifest of the wire form with one thing changed. */
function manifestWith(change: (manifest: ReturnType<typeof least>) => void): Uint8Array {
  const manifest = least();
  change(manifest);
  return bytes(manifest);
}

// biome-ignore lint/suspicious/noExplicitAny: the tests write what the schema forbids
function least(): any {
  return JSON.parse(readFileSync(path.join(FIXTURES, 'manifest-v1-least.json'), 'utf8'));
}

function bytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function errorsOf(manifest: Uint8Array): readonly FieldError[] {
  try {
    parseManifest(manifest);
  } catch (error) {
    if (error instanceof JobRejected) return error.details;
    throw error;
  }
  return [];
}

function messagesOf(manifest: Uint8Array): string[] {
  return errorsOf(manifest).map((error) => error.message);
}

describe('the wire form of version 1', () => {
  test.each(['manifest-v1.json', 'manifest-v1-least.json'])('%s is read as it stands', (file) => {
    const text = readFileSync(path.join(FIXTURES, file));
    expect(parseManifest(text)).toEqual(JSON.parse(text.toString('utf8')));
  });

  test('a byte order mark before the JSON is accepted', () => {
    expect(() => parseManifest(Buffer.concat([Buffer.from('\uFEFF'), bytes(least())]))).not.toThrow();
  });
});

describe('each rule has its sentence', () => {
  // biome-ignore lint/suspicious/noExplicitAny: the tests write what the schema forbids
  const cases: [string, (manifest: any) => void, string][] = [
    [
      'another version',
      (m) => {
        m.schema_version = 2;
      },
      'schema_version must be 1, got 2.',
    ],
    [
      'no model',
      (m) => {
        delete m.model;
      },
      'model must be a model id (lower-case letters, digits, ".", "_" and "-", at most 100), got nothing.',
    ],
    [
      'a path for a model',
      (m) => {
        m.model = '../secret';
      },
      'model must be a model id (lower-case letters, digits, ".", "_" and "-", at most 100), got "../secret".',
    ],
    [
      'an empty prompt',
      (m) => {
        m.input.prompt = '  ';
      },
      'input.prompt must be a text of 1 to 4000 characters, got "  ".',
    ],
    [
      'a negative seed',
      (m) => {
        m.input.seed = -1;
      },
      'input.seed must be a whole number from 0 to 4294967295, got -1.',
    ],
    [
      'a seed as text',
      (m) => {
        m.input.seed = '7';
      },
      'input.seed must be a whole number from 0 to 4294967295, got "7".',
    ],
    [
      'half a step',
      (m) => {
        m.input.steps = 1.5;
      },
      'input.steps must be a whole number from 1 to 100, got 1.5.',
    ],
    [
      'guidance beyond its limit',
      (m) => {
        m.input.guidance = { image: 21 };
      },
      'input.guidance.image must be a number from 0 to 20, got 21.',
    ],
    [
      'an unknown key',
      (m) => {
        m.input.guidance_scale = 5;
      },
      'input.guidance_scale must be absent (input takes prompt, negative_prompt, seed, width, height, num_frames, fps, steps, guidance, num_outputs), got 5.',
    ],
    [
      'an unknown key at the top',
      (m) => {
        m.bucket = 'b';
      },
      'bucket must be absent (job.json takes schema_version, model, input, reference_set, webhook, webhook_events_filter, policy, metadata, retention_days), got "b".',
    ],
    [
      'an unknown key of an image',
      (m) => {
        m.reference_set.images[0].angle = 'front';
      },
      'reference_set.images[0].angle must be absent (reference_set.images[0] takes file, sha256, view), got "front".',
    ],
    [
      'no consent',
      (m) => {
        m.reference_set.consent.confirmed = false;
      },
      'reference_set.consent.confirmed must be true (the subject agreed to this use of the photos), got false.',
    ],
    [
      'no reference',
      (m) => {
        m.reference_set.images = [];
      },
      'reference_set.images must be a list of 1 to 8 images, got [].',
    ],
    [
      'nine references',
      (m) => {
        m.reference_set.images = Array.from({ length: 9 }, (_, i) => ({ file: `${i}.png` }));
      },
      'reference_set.images must be a list of 1 to 8 images, got a list of 9.',
    ],
    [
      'a file in a folder',
      (m) => {
        m.reference_set.images[0].file = '../a.png';
      },
      'reference_set.images[0].file must be a plain file name of at most 128 characters ending in .png, .jpg, .jpeg or .webp, got "../a.png".',
    ],
    [
      'an absolute file',
      (m) => {
        m.reference_set.images[0].file = '/etc/a.png';
      },
      'reference_set.images[0].file must be a plain file name of at most 128 characters ending in .png, .jpg, .jpeg or .webp, got "/etc/a.png".',
    ],
    [
      'a file twice',
      (m) => {
        m.reference_set.images.push({ file: 'a.png' });
      },
      'reference_set.images[1].file must be a file that no other view names (reference_set.images[0] does), got "a.png".',
    ],
    [
      'an unknown view',
      (m) => {
        m.reference_set.images[0].view = 'side';
      },
      'reference_set.images[0].view must be one of "front", "left_45", "left_profile", "right_45", "right_profile", "up", "down", "back", got "side".',
    ],
    [
      'a webhook over http',
      (m) => {
        m.webhook = 'http://example.com';
      },
      'webhook must be an https address without user name or fragment, of at most 2048 characters, got "http://example.com".',
    ],
    [
      'a webhook with a password',
      (m) => {
        m.webhook = 'https://a:b@example.com';
      },
      'webhook must be an https address without user name or fragment, of at most 2048 characters, got "https://a:b@example.com".',
    ],
    [
      'too much metadata',
      (m) => {
        m.metadata = { note: 'x'.repeat(5000) };
      },
      `metadata must be an object of at most 4096 bytes as JSON, got {"note":"${'x'.repeat(51)}....`,
    ],
    [
      'a list for an object',
      (m) => {
        m.input = [];
      },
      'input must be an object, got [].',
    ],
  ];
  test.each(cases)('%s', (_name, change, message) => {
    expect(messagesOf(manifestWith(change))).toEqual([message]);
  });

  test('every wrong field is reported, in the order of the schema', () => {
    const manifest = manifestWith((m) => {
      m.reference_set.subject = '';
      m.input.fps = 0;
      m.schema_version = '1';
    });
    expect(errorsOf(manifest).map((error) => error.path)).toEqual([
      'schema_version',
      'input.fps',
      'reference_set.subject',
    ]);
  });

  test('the error itself is one line that counts the others', () => {
    const manifest = manifestWith((m) => {
      m.input.fps = 0;
      m.input.steps = 0;
    });
    expect(() => parseManifest(manifest)).toThrow('input.fps must be a whole number from 1 to 60, got 0. (and 1 more)');
  });
});

describe('a file that is no manifest', () => {
  test.each([
    [
      'cut short',
      new TextEncoder().encode('{"schema_version": 1,'),
      /^job\.json must be JSON in UTF-8, got .*JSON.*\.$/,
    ],
    ['empty', new Uint8Array(), /^job\.json must be JSON in UTF-8, got Unexpected end of JSON input\.$/],
    ['not UTF-8', Uint8Array.of(0xff, 0xfe, 0x7b), /^job\.json must be JSON in UTF-8, got bytes that are not UTF-8\.$/],
    ['a list', bytes([]), /^job\.json must be an object, got \[\]\.$/],
    ['null', bytes(null), /^job\.json must be an object, got null\.$/],
    ['too large', new Uint8Array(65_537).fill(32), /^job\.json must be at most 65536 bytes, got 65537\.$/],
  ])('%s', (_name, manifest, message) => {
    const messages = messagesOf(manifest);
    expect(messages).toHaveLength(1);
    expect(messages[0]).toMatch(message);
    expect(messages[0]).not.toContain('\n');
  });

  test('a key named __proto__ is unknown like any other', () => {
    const manifest = new TextEncoder().encode(JSON.stringify(least()).replace('{', '{"__proto__": {},'));
    expect(errorsOf(manifest).map((error) => error.path)).toEqual(['__proto__']);
  });
});
