/** Which objects a link may lead to, and as what they are sent. */
import type { LinkTarget } from '../../clients/local/signed-link';
import {
  deliveredName,
  JOB_FILE_NAME,
  parseResultKey,
  parseUploadKey,
  REPORT_HTML_FILE_NAME,
} from '../../contract/keys';

export interface SharedFile {
  /** Without its folder. */
  readonly name: string;
  readonly contentType: string;
  /** Its own Content-Security-Policy. */
  readonly policy: string;
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  mp4: 'video/mp4',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  png: 'image/png',
  webp: 'image/webp',
  json: 'application/json; charset=utf-8',
  html: 'text/html; charset=utf-8',
};
const IMAGES = /\.(?:png|jpe?g|webp)$/i;

const NOTHING = "default-src 'none'; sandbox; frame-ancestors 'none'";
/** The report carries its own style and media. The sandbox takes the page's origin from it: it can read and change nothing. */
const REPORT =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:; sandbox allow-downloads; frame-ancestors 'none'";

/** Null for what no link leads to: models, checkpoints, anything that is not in the layout of the buckets. */
export function sharedFile({ bucket, key }: LinkTarget): SharedFile | null {
  const name = nameIn(bucket, key);
  const contentType = CONTENT_TYPES[name?.split('.').at(-1)?.toLowerCase() ?? ''];
  if (!name || !contentType) return null;
  return { name, contentType, policy: name === REPORT_HTML_FILE_NAME ? REPORT : NOTHING };
}

function nameIn(bucket: LinkTarget['bucket'], key: string): string | null {
  switch (bucket) {
    case 'uploads': {
      const file = parseUploadKey(key)?.file ?? '';
      return IMAGES.test(file) || file === JOB_FILE_NAME ? file : null;
    }
    case 'results': {
      return deliveredName(parseResultKey(key)?.file ?? '');
    }
    case 'models':
      return null;
    default:
      return bucket satisfies never;
  }
}
