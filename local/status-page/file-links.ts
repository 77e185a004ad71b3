/** Links of the page to references and results: signed, so that they can be passed on, and for a short time. */
import { signLink } from '../../clients/local/signed-link';
import type { BucketName } from '../../contract/deployment';
import type { PageContext } from './page-context';

const HOUR_MS = 3_600_000;

/**
 * A path with its query, good for one to two hours. It stays the same within an hour: a page that is asked for again does not load
 * its video anew.
 */
export function fileLink({ linkKey, now }: PageContext, bucket: BucketName, key: string): string {
  const nextHour = Math.ceil(now().getTime() / HOUR_MS) * HOUR_MS;
  return signLink('', { bucket, key }, new Date(nextHour + HOUR_MS), linkKey);
}
