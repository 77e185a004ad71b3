/** Whether what was uploaded at some time belongs to a place that has been erased since. */
import { placeHash } from '../../contract/erasure';
import type { Ports } from '../ports';

/** @returns the hash of the erased place, or null: nobody has erased it, or only what was uploaded before. */
export async function erasureOf(
  { erasures }: Pick<Ports, 'erasures'>,
  { tenant, set }: { readonly tenant: string; readonly set: string },
  uploadedAt: Date,
): Promise<string | null> {
  for (const place of [
    { tenant, set },
    { tenant, set: null },
  ]) {
    const erasure = await erasures.get(placeHash(place));
    if (erasure && uploadedAt.getTime() <= Date.parse(erasure.erased_until)) return erasure.id;
  }
  return null;
}
