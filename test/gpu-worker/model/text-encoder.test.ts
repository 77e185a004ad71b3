import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { textEncoderConfigSchema } from '../../../gpu-worker/model/config';
import { emitTextEncoder, relativePositionBuckets } from '../../../gpu-worker/model/text-encoder';
import { openWeights } from '../../../gpu-worker/model/weights';
import { createSession } from '../../../gpu-worker/session';
import { readGolden, relativeError, type WeightSpec, writeRandomComponent } from '../../golden';

interface TextEncoderGolden {
  prefix: string;
  config: { architectures: ['UMT5EncoderModel' | 'T5EncoderModel'] };
  lengths: [length: number, realLength: number][];
  weights: WeightSpec[];
}

const folder = mkdtempSync(join(tmpdir(), 'text-encoder-'));
afterAll(() => rmSync(folder, { recursive: true }));

test.each(['umt5', 'umt5-wide-heads', 't5'])('%s encodes as transformers does', async (name) => {
  const { metadata, tensors } = readGolden<TextEncoderGolden>(`text-encoder-${name}`);
  const directory = join(folder, name);
  writeRandomComponent(directory, 'model.safetensors', metadata.config, metadata.prefix, metadata.weights);
  const encoder = {
    className: metadata.config.architectures[0],
    config: textEncoderConfigSchema.parse(metadata.config),
  };
  for (const [length, realLength] of metadata.lengths) {
    const graph = emitTextEncoder(encoder, await openWeights(directory), { textLength: length });
    const session = await createSession(graph, { provider: 'cpu', numThreads: 1 });
    const mask = BigInt64Array.from({ length }, (_, index) => (index < realLength ? 1n : 0n));
    const ids = tensors[`input_ids/${length}/${realLength}`]!.data as BigInt64Array;
    const { last_hidden_state: actual } = await session.run({
      input_ids: { dtype: 'int64', dims: [1, length], data: ids },
      attention_mask: { dtype: 'int64', dims: [1, length], data: mask },
    });
    await session.release();
    const expected = tensors[`last_hidden_state/${length}/${realLength}`]!;
    expect(actual!.dims).toEqual(expected.dims);
    expect(relativeError(actual!.data as Float32Array, expected.data as Float32Array)).toBeLessThan(1e-4);
    const width = expected.dims[2]!;
    expect((actual!.data as Float32Array).subarray(realLength * width).every((value) => value === 0)).toBe(true);
  }
});

test('buckets of relative positions: exact near by, logarithmic far off, keys after the query in the upper half', () => {
  const row = (query: number, length: number) =>
    relativePositionBuckets(length, 32, 128)
      .slice(query * length)
      .slice(0, length);
  expect(row(0, 10)).toEqual([0, 17, 18, 19, 20, 21, 22, 23, 24, 24]);
  expect(row(9, 10)).toEqual([8, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
  expect(row(0, 200)[127]).toBe(31);
  expect(row(0, 200)[199]).toBe(31);
});
