/**
 * Links to objects of a local deployment that work without credentials until they expire, as S3's presigned links do:
 * `<base>/files/<bucket>/<encoded key>?expires=<unix seconds>&signature=<hex>`. `mv2id serve` answers them.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { BUCKET_NAMES, type BucketName } from '../../contract/deployment';

export interface LinkTarget {
  readonly bucket: BucketName;
  readonly key: string;
}

const PATH_PREFIX = '/files/';
const UNIX_SECONDS = /^\d{1,12}$/;
const HEX_SHA256 = /^[0-9a-f]{64}$/;

/** @param base address of the running `serve`, with or without a slash at its end. */
export function signLink(base: string, target: LinkTarget, expiresAt: Date, signingKey: Uint8Array): string {
  const expires = Math.floor(expiresAt.getTime() / 1000);
  const signature = sign(target, expires, signingKey).toString('hex');
  const encodedKey = target.key.split('/').map(encodeURIComponent).join('/');
  return `${base.replace(/\/$/, '')}${PATH_PREFIX}${target.bucket}/${encodedKey}?expires=${expires}&signature=${signature}`;
}

/**
 * @param url of the request; its host does not matter.
 * @returns what the link leads to, or null when it was not signed with this key, was changed, or has expired.
 */
export function verifyLink(url: string | URL, signingKey: Uint8Array, now: Date): LinkTarget | null {
  const { pathname, searchParams } = new URL(url, 'http://localhost');
  const target = parsePath(pathname);
  const expires = searchParams.get('expires') ?? '';
  const signature = searchParams.get('signature') ?? '';
  if (!target || !UNIX_SECONDS.test(expires) || !HEX_SHA256.test(signature)) return null;
  const expected = sign(target, Number(expires), signingKey);
  if (!timingSafeEqual(expected, Buffer.from(signature, 'hex'))) return null;
  return now.getTime() < Number(expires) * 1000 ? target : null;
}

function sign({ bucket, key }: LinkTarget, expires: number, signingKey: Uint8Array): Buffer {
  return createHmac('sha256', signingKey)
    .update(JSON.stringify([bucket, key, expires]))
    .digest();
}

function parsePath(pathname: string): LinkTarget | null {
  if (!pathname.startsWith(PATH_PREFIX)) return null;
  const [name, ...segments] = pathname.slice(PATH_PREFIX.length).split('/');
  const bucket = BUCKET_NAMES.find((bucketName) => bucketName === name);
  if (!bucket) return null;
  try {
    return { bucket, key: segments.map(decodeURIComponent).join('/') };
  } catch {
    return null; // not an encoding of anything
  }
}
