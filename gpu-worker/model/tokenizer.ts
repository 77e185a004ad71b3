/**
 * The prompt as token ids, from a model directory's tokenizer/tokenizer.json and tokenizer_config.json.
 *
 * @huggingface/tokenizers does the splitting. It approximates SentencePiece's character map by NFKC, so that step is replaced by
 * the map itself (character-map.ts); truncation and padding are done here, as its `encode` does neither. One difference to the
 * Rust tokenizers is left: where a tokenizer.json has no such map, U+FEFF splits words, as JavaScript counts it as white space.
 */

import { join } from 'node:path';
import { type Normalizer, PrecompiledNormalizer, SequenceNormalizer, Tokenizer } from '@huggingface/tokenizers';
import { ModelError } from '../errors';
import { CharacterMap } from './character-map';
import { isRecord, readJson } from './json-file';
import { cleanPrompt } from './prompt';

export interface TokenizedPrompt {
  /** [maxLength]: the prompt's ids, EOS, then padding. */
  readonly inputIds: BigInt64Array;
  /** [maxLength]: 1 for the prompt and its EOS, 0 for padding. */
  readonly attentionMask: BigInt64Array;
  /** Tokens that were cut off because the prompt was longer; 0 when all fitted. */
  readonly truncatedTokens: number;
}

export interface PromptTokenizer {
  /** Cleans `prompt` as diffusers does, tokenizes it, and cuts or pads it to `maxLength` ids; EOS is kept when it is cut. */
  encode(prompt: string, maxLength: number): TokenizedPrompt;
}

/**
 * @param dir the `tokenizer` folder of a model directory.
 * @throws ModelError naming the file when one of the two is missing, is not JSON, or is no tokenizer that ends its texts with the
 *   EOS token of its config.
 */
export async function openTokenizer(dir: string): Promise<PromptTokenizer> {
  const file = join(dir, 'tokenizer.json');
  const configFile = join(dir, 'tokenizer_config.json');
  const config = await readJsonObject(configFile);
  const tokenizer = build(file, await readJsonObject(file), config);
  const padId = requireToken(tokenizer, configFile, config, 'pad_token');
  const eosId = requireToken(tokenizer, configFile, config, 'eos_token');
  const ends = tokenizer.encode('').ids;
  if (ends.length !== 1 || ends[0] !== eosId) {
    throw new ModelError(
      `${file}: post_processor must add the EOS token ${eosId} and nothing else, got [${ends}] for "".`,
    );
  }
  return { encode: (prompt, maxLength) => pad(tokenizer.encode(cleanPrompt(prompt)).ids, maxLength, eosId, padId) };
}

function pad(ids: readonly number[], maxLength: number, eosId: number, padId: number): TokenizedPrompt {
  if (maxLength < 1) throw new RangeError(`maxLength must be at least 1, got ${maxLength}.`);
  const kept = ids.length > maxLength ? [...ids.slice(0, maxLength - 1), eosId] : ids;
  const inputIds = new BigInt64Array(maxLength).fill(BigInt(padId));
  const attentionMask = new BigInt64Array(maxLength);
  kept.forEach((id, index) => {
    inputIds[index] = BigInt(id);
    attentionMask[index] = 1n;
  });
  return { inputIds, attentionMask, truncatedTokens: ids.length - kept.length };
}

function build(file: string, json: Record<string, unknown>, config: Record<string, unknown>): Tokenizer {
  try {
    const tokenizer = new Tokenizer(json, config);
    useCharacterMaps(tokenizer.normalizer);
    return tokenizer;
  } catch (error) {
    throw new ModelError(`${file} must describe a tokenizer, got: ${(error as Error).message}`, { cause: error });
  }
}

/** Lets every precompiled normaliser read its map. */
function useCharacterMaps(normalizer: Normalizer | null): void {
  if (normalizer instanceof SequenceNormalizer) normalizer.normalizers.forEach(useCharacterMaps);
  if (!(normalizer instanceof PrecompiledNormalizer)) return;
  const base64 = (normalizer.config as { precompiled_charsmap?: string | null }).precompiled_charsmap;
  if (typeof base64 !== 'string' || base64 === '') return;
  const map = new CharacterMap(base64);
  normalizer.normalize = (text) => map.normalize(text);
}

/** The id of a special token, which a config gives as text or as an object with `content`. */
function requireToken(tokenizer: Tokenizer, file: string, config: Record<string, unknown>, key: string): number {
  const value = config[key];
  const text = typeof value === 'object' && value !== null && 'content' in value ? value.content : value;
  const id = typeof text === 'string' ? tokenizer.token_to_id(text) : undefined;
  if (id === undefined) {
    throw new ModelError(`${file}: ${key} must be a token of the vocabulary, got ${JSON.stringify(value)}.`);
  }
  return id;
}

async function readJsonObject(file: string): Promise<Record<string, unknown>> {
  const json = await readJson(file);
  if (isRecord(json)) return json;
  throw new ModelError(`${file} must hold a JSON object, got ${JSON.stringify(json).slice(0, 40)}.`);
}
