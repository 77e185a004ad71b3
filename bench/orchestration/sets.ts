/** Uploads reference sets of one small image each, from several tenants. */
import sharp from 'sharp';
import type { Ports } from '../../clients/ports';
import { manifestKey, modelKey, uploadKey } from '../../contract/keys';
import { MIN_IMAGE_SIDE } from '../../contract/limits';

export const MODEL = 'idle';
const IMAGE = 'front.png';

/** Nobody runs the model: it need only be there. */
export async function putIdleModel({ buckets }: Pick<Ports, 'buckets'>): Promise<void> {
  await buckets.models.put(modelKey(MODEL, 'model_index.json'), '{}');
}

export async function smallImage(): Promise<Uint8Array> {
  const size = { width: MIN_IMAGE_SIDE, height: MIN_IMAGE_SIDE, channels: 3 } as const;
  return sharp({ create: { ...size, background: { r: 120, g: 90, b: 70 } } })
    .png()
    .toBuffer();
}

export async function uploadSet(
  { buckets }: Pick<Ports, 'buckets'>,
  { tenant, set, image, webhook }: { tenant: string; set: string; image: Uint8Array; webhook?: string },
): Promise<void> {
  const manifest = {
    schema_version: 1,
    model: MODEL,
    input: { prompt: 'nothing' },
    reference_set: {
      subject: 'Nobody',
      consent: { confirmed: true, reference: 'a plain square' },
      images: [{ file: IMAGE }],
      accept: ['no_face'],
    },
    ...(webhook !== undefined && { webhook }),
  };
  await buckets.uploads.put(uploadKey(tenant, set, IMAGE), image);
  await buckets.uploads.put(manifestKey(tenant, set), JSON.stringify(manifest));
}
