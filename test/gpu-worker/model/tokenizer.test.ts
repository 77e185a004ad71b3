import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTokenizer } from '../../../gpu-worker/model/tokenizer';
import { readGoldenJson } from '../../golden';

interface TokenizerGolden {
  tokenizer: { post_processor: unknown };
  tokenizer_config: Record<string, unknown>;
  encodings: { prompt: string; max_length: number; input_ids: number[] }[];
}

const folder = mkdtempSync(join(tmpdir(), 'tokenizer-'));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, tokenizer: unknown, config: unknown): string {
  const dir = join(folder, name);
  mkdirSync(dir);
  writeFileSync(join(dir, 'tokenizer.json'), JSON.stringify(tokenizer));
  writeFileSync(join(dir, 'tokenizer_config.json'), JSON.stringify(config));
  return dir;
}

describe.each(['umt5', 'toy'])('%s', (name) => {
  const golden = readGoldenJson<TokenizerGolden>(`tokenizer-${name}`);
  const dir = write(name, golden.tokenizer, golden.tokenizer_config);

  test.each(golden.encodings)('$max_length ids of $prompt', async ({ prompt, max_length, input_ids }) => {
    const { inputIds, attentionMask } = (await openTokenizer(dir)).encode(prompt, max_length);
    expect([...inputIds].slice(0, input_ids.length).map(Number)).toEqual(input_ids);
    expect([...inputIds].slice(input_ids.length).every((id) => id === 0n)).toBe(true);
    expect([...attentionMask].map(Number)).toEqual(
      Array.from({ length: max_length }, (_, index) => (index < input_ids.length ? 1 : 0)),
    );
  });
});

test('a cut prompt keeps its end, and says how much was cut', async () => {
  const golden = readGoldenJson<TokenizerGolden>('tokenizer-toy');
  const tokenizer = await openTokenizer(write('cut', golden.tokenizer, golden.tokenizer_config));
  const whole = tokenizer.encode('a head turns to the left', 32);
  const cut = tokenizer.encode('a head turns to the left', 4);
  expect(whole.truncatedTokens).toBe(0);
  expect(cut.truncatedTokens).toBe(Number(whole.attentionMask.reduce((sum, item) => sum + item, 0n)) - 4);
  expect([...cut.inputIds]).toEqual([...whole.inputIds.slice(0, 3), 1n]);
  expect(() => tokenizer.encode('a', 0)).toThrow('maxLength must be at least 1, got 0.');
});

test.each([
  ['no files', undefined, undefined, /tokenizer_config\.json must be a readable file, got ENOENT/],
  ['no tokenizer', {}, { pad_token: '<pad>' }, /tokenizer\.json must describe a tokenizer/],
])('%s: named error', async (name, tokenizer, config, message) => {
  const dir = tokenizer === undefined ? join(folder, name) : write(name, tokenizer, config);
  await expect(openTokenizer(dir)).rejects.toThrow(message);
});

test('special tokens that the vocabulary lacks, and texts that do not end with EOS, are refused by name', async () => {
  const { tokenizer, tokenizer_config } = readGoldenJson<TokenizerGolden>('tokenizer-toy');
  const noPad = write('no pad', tokenizer, { ...tokenizer_config, pad_token: '[PAD]' });
  await expect(openTokenizer(noPad)).rejects.toThrow(/pad_token must be a token of the vocabulary, got "\[PAD\]"/);
  const noEos = write('no eos', { ...tokenizer, post_processor: null }, tokenizer_config);
  await expect(openTokenizer(noEos)).rejects.toThrow(
    /post_processor must add the EOS token 1 and nothing else, got \[\]/,
  );
});
