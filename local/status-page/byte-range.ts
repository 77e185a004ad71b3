/** The Range header of RFC 9110, 14.2, for one range of bytes: what players and resumed downloads send. */
export interface ByteRange {
  /** First byte, from 0. */
  readonly start: number;
  /** Last byte, itself included. */
  readonly end: number;
}

const SINGLE_RANGE = /^bytes=(\d*)-(\d*)$/;

/**
 * @param size of the whole, bytes.
 * @returns null for the whole: no header, or one that may be ignored (another unit, several ranges); 'unsatisfiable' for a range
 *   that lies outside.
 */
export function parseByteRange(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | null {
  const [, first = '', last = ''] = SINGLE_RANGE.exec(header ?? '') ?? [];
  if (first === '' && last === '') return null;
  if (first === '') {
    const length = Math.min(Number(last), size);
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size - 1 };
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return null;
  return start >= size ? 'unsatisfiable' : { start, end: Math.min(last === '' ? size - 1 : Number(last), size - 1) };
}
