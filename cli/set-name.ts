/** How a set and its tenant are named where nobody names them. */
import path from 'node:path';

/** One person's own machine has no tenants. */
export const LOCAL_TENANT = 'local';
const MAX_LENGTH = 64;

/** A name that object keys allow, from any folder name. */
export function setNameOf(setFolder: string): string {
  const name = path
    .basename(path.resolve(setFolder))
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]+/g, '-');
  return name.slice(0, MAX_LENGTH).replaceAll(/^[-_]+|[-_]+$/g, '') || 'set';
}
