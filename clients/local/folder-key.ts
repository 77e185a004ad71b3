/** Which keys a folder can hold as files: fewer than S3, and never one that leads out of the folder. */

/** A key that cannot be a path inside the folder. */
export class InvalidKey extends Error {
  override readonly name = 'InvalidKey';
  constructor(
    readonly key: string,
    rule: string,
  ) {
    super(`key must be ${rule}, got ${JSON.stringify(key.slice(0, 200))}.`);
  }
}

/** S3 can hold `a` and `a/b` at the same time; a folder cannot, because `a` would be a file and a folder. */
export class KeyConflict extends Error {
  override readonly name = 'KeyConflict';
  constructor(
    readonly key: string,
    readonly other: string,
  ) {
    super(`${key} must be neither below another key nor another key's folder, got ${other}.`);
  }
}

/** In every bucket's folder: objects that are being written. No key may begin with it, and watchers leave it out. */
export const RESERVED_FOLDER = '.mv2id-partial';

/** Of S3. Source: Amazon S3 user guide, "Naming Amazon S3 objects". */
const MAX_KEY_BYTES = 1024;
/** Of nearly every file system. */
const MAX_SEGMENT_BYTES = 255;
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * The names on the way from the bucket's folder to the object.
 * @throws InvalidKey
 */
export function keySegments(key: string): string[] {
  if (key === '') throw new InvalidKey(key, 'at least one character long');
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) throw new InvalidKey(key, `at most ${MAX_KEY_BYTES} bytes long`);
  const segments = key.split('/');
  requireNames(key, segments);
  return segments;
}

/**
 * The folders that a listing of this prefix may look into: what stands before the last slash.
 * @throws InvalidKey
 */
export function prefixSegments(prefix: string): string[] {
  const segments = prefix.split('/').slice(0, -1);
  requireNames(prefix, segments);
  return segments;
}

/** Whether a file of this key would be an object. */
export function isKey(key: string): boolean {
  try {
    return keySegments(key).length > 0;
  } catch {
    return false;
  }
}

function requireNames(key: string, segments: readonly string[]): void {
  if (key.includes('\0') || key.includes('\\')) throw new InvalidKey(key, 'free of NUL and backslashes');
  if (LONE_SURROGATE.test(key)) throw new InvalidKey(key, 'well-formed Unicode');
  for (const segment of segments) {
    if (segment === '' || segment === '.' || segment === '..') {
      throw new InvalidKey(key, 'names with single slashes between them, none of them "." or ".."');
    }
    if (Buffer.byteLength(segment) > MAX_SEGMENT_BYTES) {
      throw new InvalidKey(key, `names of at most ${MAX_SEGMENT_BYTES} bytes`);
    }
  }
  if (segments[0] === RESERVED_FOLDER) throw new InvalidKey(key, `outside of ${RESERVED_FOLDER}`);
}
