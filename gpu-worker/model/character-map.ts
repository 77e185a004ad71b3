/**
 * SentencePiece's precompiled character map, which UMT5's tokenizer.json carries under normalizer.precompiled_charsmap: a
 * double-array trie (darts-clone) from UTF-8 bytes to replacements.
 *
 * Layout, after base64: the trie's size in bytes (uint32, little endian), the trie (uint32 units), then the replacements as
 * zero-ended UTF-8. The reading follows huggingface/tokenizers, whose ids we have to meet (spm_precompiled, src/lib.rs): a
 * grapheme of under 6 bytes is looked up as a whole, otherwise each character; what is found first, the shortest prefix, counts.
 */

/** Longer graphemes are looked up character by character. */
const MAX_GRAPHEME_BYTES = 6;

export class CharacterMap {
  private readonly trie: Uint32Array;
  private readonly replacements: Buffer;
  private readonly graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

  /** @throws RangeError when the text is no such map. */
  constructor(base64: string) {
    const bytes = Buffer.from(base64, 'base64');
    const trieBytes = bytes.length >= 4 ? bytes.readUInt32LE(0) : 0;
    if (trieBytes === 0 || trieBytes % 4 !== 0 || 4 + trieBytes > bytes.length) {
      throw new RangeError(
        `precompiled_charsmap must hold a trie and its replacements, got ${bytes.length} bytes, ${trieBytes} of trie.`,
      );
    }
    this.trie = Uint32Array.from({ length: trieBytes / 4 }, (_, unit) => bytes.readUInt32LE(4 + 4 * unit));
    this.replacements = bytes.subarray(4 + trieBytes);
  }

  normalize(text: string): string {
    let result = '';
    for (const { segment } of this.graphemes.segment(text)) {
      const isShort = Buffer.byteLength(segment) < MAX_GRAPHEME_BYTES;
      const whole = isShort ? this.replacementOf(segment) : undefined;
      if (whole !== undefined) result += whole;
      else for (const character of segment) result += this.replacementOf(character) ?? character;
    }
    return result;
  }

  /** The replacement that belongs to the shortest prefix of `text` which the trie knows. */
  private replacementOf(text: string): string | undefined {
    let node = offsetOf(this.trie[0]!);
    for (const byte of Buffer.from(text, 'utf8')) {
      if (byte === 0) return undefined;
      node ^= byte;
      const unit = this.trie[node];
      if (unit === undefined || labelOf(unit) !== byte) return undefined;
      node ^= offsetOf(unit);
      if (hasLeaf(unit)) return this.replacementAt(leafOf(this.trie[node]!));
    }
    return undefined;
  }

  private replacementAt(start: number): string {
    const end = this.replacements.indexOf(0, start);
    return this.replacements.toString('utf8', start, end < 0 ? this.replacements.length : end);
  }
}

/** The bit fields of a darts-clone unit. */
const hasLeaf = (unit: number): boolean => ((unit >>> 8) & 1) === 1;
const leafOf = (unit: number): number => unit & 0x7fffffff;
const labelOf = (unit: number): number => (unit & 0x800000ff) >>> 0;
const offsetOf = (unit: number): number => ((unit >>> 10) << ((unit & 0x200) >>> 6)) >>> 0;
