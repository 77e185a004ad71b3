/**
 * Prompt cleaning as diffusers' Wan pipelines do it (prompt_clean in pipeline_wan.py): HTML entities unescaped twice, white
 * space collapsed, ends stripped.
 *
 * ftfy: diffusers runs ftfy.fix_text first where that package is installed, and skips it where not. It is not done here: text
 * with mojibake ("cafÃ©"), curly quotes, terminal escapes or halfwidth forms therefore reaches the tokenizer as it was
 * written. (The tokenizer's own NFKC still maps widths and ligatures.)
 */
import { decode } from 'html-entities';

/** Python's str.isspace / re `\s`: JavaScript's `\s` lacks U+001C..U+001F and U+0085, and counts U+FEFF, which Python does not. */
const WHITE_SPACE = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+';
const RUNS = new RegExp(WHITE_SPACE, 'g');
const ENDS = new RegExp(`^${WHITE_SPACE}|${WHITE_SPACE}$`, 'g');

/** `&#55296;` is half a character; Python gives U+FFFD for it, html-entities the half. */
const LONE_SURROGATE = /[\ud800-\udfff]/gu;

/** The text that is tokenized: one line, single spaces, no white space at the ends, entities such as `&amp;` resolved. */
export function cleanPrompt(prompt: string): string {
  return unescapeHtml(unescapeHtml(prompt)).replace(RUNS, ' ').replace(ENDS, '');
}

/**
 * Python's html.unescape: HTML5 names, those that HTML allows without a semicolon as well, and numeric references. One
 * difference: references to control characters (`&#1;`) are resolved, where Python drops them.
 */
function unescapeHtml(text: string): string {
  return decode(text, { level: 'html5', scope: 'body' }).replace(LONE_SURROGATE, '\ufffd');
}
