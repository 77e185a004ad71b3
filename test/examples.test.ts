/** The bundled examples are valid: their manifest, and every image it names. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseManifest } from '../contract/manifest';
import { readReferenceImage } from '../gpu-worker/images';

const EXAMPLES = path.resolve(__dirname, '../examples');

test.each(readdirSync(EXAMPLES))('examples/%s', async (name) => {
  const folder = path.join(EXAMPLES, name);
  const manifest = parseManifest(readFileSync(path.join(folder, 'job.json')));
  for (const [i, image] of manifest.reference_set.images.entries()) {
    await readReferenceImage(folder, image, `reference_set.images[${i}]`, { width: 128, height: 128 });
  }
});
