import { mkdtempSync, realpathSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ModelError } from '../../../gpu-worker/errors';
import { openWeights } from '../../../gpu-worker/model/weights';
import { type HeaderEntry, safetensorsBytes, type TestTensor, writeTensors } from '../../safetensors';

const TENSORS: TestTensor[] = [
  { name: 'a.weight', dtype: 'F32', shape: [2, 3], values: [1, 2, 3, 4, 5, 6] },
  { name: 'a.bias', dtype: 'BF16', shape: [2], values: [7, 8] },
];
const SHARD_1 = 'diffusion_pytorch_model-00001-of-00002.safetensors';
const SHARD_2 = 'diffusion_pytorch_model-00002-of-00002.safetensors';
const INDEX = 'diffusion_pytorch_model.safetensors.index.json';

let dir: string;
let file: string;

beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'weights-')));
  file = join(dir, 'model.safetensors');
});

afterEach(() => {
  rmSync(dir, { recursive: true });
});

test('one file: every tensor with its place', async () => {
  writeTensors(file, TENSORS);
  const dataStart = safetensorsBytes(TENSORS).length - 28;

  const weights = await openWeights(dir);

  expect(weights.names()).toEqual(['a.weight', 'a.bias']);
  expect(weights.get('a.weight', [2, 3])).toEqual({
    name: 'a.weight',
    file,
    dtype: 'F32',
    shape: [2, 3],
    offset: dataStart,
    length: 24,
  });
  expect(weights.get('a.bias').offset).toBe(dataStart + 24);
  expect([weights.parameterCount, weights.byteSize]).toEqual([8, 28]);
  expect([weights.has('a.bias'), weights.has('b')]).toEqual([true, false]);
});

test('metadata is no tensor, and a tensor may be empty', async () => {
  const bytes = safetensorsBytes([...TENSORS, { name: 'none', dtype: 'F32', shape: [0, 4], values: [] }], (header) => {
    Object.assign(header, { __metadata__: { format: 'pt' } });
  });
  writeFileSync(file, bytes);

  const weights = await openWeights(dir);

  expect(weights.names()).toEqual(['a.weight', 'a.bias', 'none']);
  expect(weights.get('none').length).toBe(0);
});

test('shards: the index says which file speaks for a tensor', async () => {
  writeTensors(join(dir, SHARD_1), [TENSORS[0]!]);
  writeTensors(join(dir, SHARD_2), TENSORS);
  writeIndex({ 'a.weight': SHARD_1, 'a.bias': SHARD_2 });

  const weights = await openWeights(dir);

  expect(weights.get('a.weight').file).toBe(join(dir, SHARD_1));
  expect(weights.get('a.bias').file).toBe(join(dir, SHARD_2));
  expect(weights.parameterCount).toBe(8);
});

test('a symlink, as download caches have them, leads to the file itself', async () => {
  const blob = join(dir, 'blob');
  writeTensors(blob, TENSORS);
  symlinkSync(blob, file);

  expect((await openWeights(dir)).get('a.bias').file).toBe(blob);
});

describe('what a graph cannot use is refused', () => {
  beforeEach(() => writeTensors(file, [...TENSORS, { name: 'codes', dtype: 'U8', shape: [1], values: [1] }]));

  test('a missing tensor', async () => {
    const weights = await openWeights(dir);

    expect(() => weights.get('b.weight')).toThrow(new ModelError(`${dir}: tensor b.weight must be present, got none.`));
  });

  test('a wrong shape', async () => {
    const weights = await openWeights(dir);

    expect(() => weights.get('a.weight', [3, 2])).toThrow(
      new ModelError(`${file}: tensor a.weight must have shape [3, 2], got [2, 3].`),
    );
  });

  test('a wrong dtype', async () => {
    const weights = await openWeights(dir);

    expect(() => weights.get('codes')).toThrow(new ModelError(`${file}: tensor codes must be F32, F16, BF16, got U8.`));
  });
});

describe('a broken file is told by name', () => {
  const broken: [string, () => Buffer, string][] = [
    ['no bytes at all', () => Buffer.alloc(0), 'FILE must be a safetensors file of at least 8 bytes, got 0.'],
    [
      'cut within the header',
      () => safetensorsBytes(TENSORS).subarray(0, 50),
      'FILE: its header must be 125 bytes long, got 42: the file is truncated.',
    ],
    [
      'a header of absurd length',
      () => Buffer.from('ffffffffffffffff00', 'hex'),
      'FILE: its header must be at most 100000000 bytes, got 18446744073709551615.',
    ],
    [
      'another kind of file',
      () => Buffer.concat([Buffer.of(4, 0, 0, 0, 0, 0, 0, 0), Buffer.from('PK\x03\x04rest')]),
      'FILE: its header must be JSON, got "PK\\u0003\\u0004".',
    ],
    ['a header that is a list', () => withHeader('[]'), 'FILE: its header must be a JSON object.'],
    [
      'an entry that is no object',
      () => withHeader('{"a.weight":1}'),
      'FILE: tensor a.weight must be described by an object.',
    ],
    [
      'cut within the data',
      () => safetensorsBytes(TENSORS).subarray(0, -2),
      'FILE: tensor a.bias must end within the file, got end 161 of 159 bytes: the file is truncated.',
    ],
    [
      'bytes after the last tensor',
      () => Buffer.concat([safetensorsBytes(TENSORS), Buffer.of(0)]),
      'FILE must end with its last tensor at byte 161, got 162 bytes.',
    ],
    [
      'an unknown dtype',
      () => edited('a.bias', { dtype: 'F12' }),
      'FILE: tensor a.bias must have a known dtype, got "F12".',
    ],
    [
      'a shape that does not fit the bytes',
      () => edited('a.bias', { shape: [3] }),
      'FILE: tensor a.bias must take 6 bytes as BF16 [3], got 4.',
    ],
    [
      'a negative size',
      () => edited('a.bias', { shape: [-2] }),
      'FILE: tensor a.bias must have a shape of whole numbers, got [-2].',
    ],
    [
      'offsets that fall',
      () => edited('a.bias', { data_offsets: [28, 24] }),
      'FILE: tensor a.bias must have two rising data_offsets, got [28,24].',
    ],
    [
      'tensors that overlap',
      () => edited('a.bias', { data_offsets: [22, 26] }),
      'FILE: tensor a.bias must start at byte 157, got 155: it overlaps the tensor before it.',
    ],
    [
      'a gap between tensors',
      () => edited('a.bias', { data_offsets: [25, 29] }),
      'FILE: tensor a.bias must start at byte 157, got 158: it leaves a gap before it.',
    ],
    [
      'offsets beyond the file',
      () => edited('a.bias', { shape: [200], data_offsets: [24, 424] }),
      'FILE: tensor a.bias must end within the file, got end 560 of 164 bytes: the file is truncated.',
    ],
  ];

  test.each(broken)('%s', async (_, bytes, message) => {
    writeFileSync(file, bytes());

    await expect(openWeights(dir)).rejects.toMatchObject({
      name: 'ModelError',
      message: message.replace('FILE', file),
    });
  });

  test('a shard that is missing', async () => {
    writeTensors(join(dir, SHARD_1), [TENSORS[0]!]);
    writeIndex({ 'a.weight': SHARD_1, 'a.bias': SHARD_2 });

    await expect(openWeights(dir)).rejects.toMatchObject({
      name: 'ModelError',
      message: `${join(dir, SHARD_2)} must be present, got ENOENT.`,
    });
  });

  test('a tensor that its shard does not hold', async () => {
    writeTensors(join(dir, SHARD_1), [TENSORS[0]!]);
    writeIndex({ 'a.weight': SHARD_1, 'a.bias': SHARD_1 });

    await expect(openWeights(dir)).rejects.toMatchObject({
      name: 'ModelError',
      message: `${join(dir, SHARD_1)}: tensor a.bias must be present as the index says, got none.`,
    });
  });

  test('a shard outside the directory', async () => {
    writeIndex({ 'a.weight': '../elsewhere.safetensors' });

    await expect(openWeights(dir)).rejects.toMatchObject({
      name: 'ModelError',
      message: `${join(dir, INDEX)}: a shard must be a file name without a path, got "../elsewhere.safetensors".`,
    });
  });

  test('an index without a map', async () => {
    writeFileSync(join(dir, INDEX), '{"metadata":{}}');

    await expect(openWeights(dir)).rejects.toMatchObject({
      name: 'ModelError',
      message: `${join(dir, INDEX)}: weight_map must be an object from tensor to file name.`,
    });
  });

  test('an index cut short', async () => {
    writeIndex({ 'a.weight': SHARD_1 });
    truncateSync(join(dir, INDEX), 20);

    await expect(openWeights(dir)).rejects.toMatchObject({
      name: 'ModelError',
      message: `${join(dir, INDEX)} must be JSON, got ${JSON.stringify('{"weight_map":{"a.we')}.`,
    });
  });

  test('shards without an index', async () => {
    writeTensors(join(dir, SHARD_1), TENSORS);

    await expect(openWeights(dir)).rejects.toMatchObject({
      name: 'ModelError',
      message: `${join(dir, INDEX)} must be present beside the shards, got none.`,
    });
  });

  test('no weights at all', async () => {
    await expect(openWeights(dir)).rejects.toMatchObject({
      name: 'ModelError',
      message: `${dir} must hold diffusion_pytorch_model.safetensors or model.safetensors, whole or with an index, got neither.`,
    });
  });

  test('no directory', async () => {
    const missing = join(dir, 'transformer');

    await expect(openWeights(missing)).rejects.toMatchObject({
      name: 'ModelError',
      message: `${missing} must be a readable directory, got ENOENT.`,
    });
  });
});

function writeIndex(weightMap: Record<string, string>): void {
  writeFileSync(join(dir, INDEX), JSON.stringify({ weight_map: weightMap }));
}

/** The usual file with some fields of one header entry changed. */
function edited(name: string, change: Partial<HeaderEntry>): Buffer {
  return safetensorsBytes(TENSORS, (header) => Object.assign(header[name]!, change));
}

function withHeader(text: string): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, Buffer.from(text)]);
}
