/** A reference set on this machine, judged by the rules of the service before anything is sent. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { mustBe } from '../contract/field-error';
import { MANIFEST_FILE_NAME, type Manifest, type ManifestOptions, parseManifest } from '../contract/manifest';
import { JobRejected } from '../contract/rejection';
import { readImageFile, requireDecodes, requireImageHeader } from '../faces/reference-image';

export interface ReferenceFolder {
  readonly manifest: Manifest;
  /** Of job.json; the job id derives from them. */
  readonly manifestBytes: Uint8Array;
  readonly images: readonly { readonly file: string; readonly bytes: Uint8Array }[];
}

/**
 * @param webhook in place of the one in job.json.
 * @throws JobRejected with the messages that the service would give.
 */
export async function readReferenceFolder(
  folder: string,
  { webhook, ...options }: ManifestOptions & { readonly webhook?: string },
): Promise<ReferenceFolder> {
  const own = await readManifestFile(folder);
  const manifestBytes = webhook === undefined ? own : withWebhook(own, webhook);
  const manifest = parseManifest(manifestBytes, options);
  const images = [];
  for (const [i, image] of manifest.reference_set.images.entries()) {
    const field = `reference_set.images[${i}]`;
    const bytes = await readImageFile(folder, image, field);
    await requireImageHeader(bytes, image, field);
    await requireDecodes(bytes, image, field);
    images.push({ file: image.file, bytes });
  }
  return { manifest, manifestBytes, images };
}

/** The bytes of a set's job.json. @throws JobRejected when there are none to read. */
export async function readManifestFile(folder: string): Promise<Uint8Array> {
  return readFile(path.join(folder, MANIFEST_FILE_NAME)).catch((error: NodeJS.ErrnoException) => {
    const message = mustBe(MANIFEST_FILE_NAME, `a readable file in ${folder}`, `${error.code}`);
    throw new JobRejected('invalid_manifest', [message]);
  });
}

/** What is no JSON stays as it is: the parser says what is wrong with it. */
function withWebhook(bytes: Uint8Array, webhook: string): Uint8Array {
  try {
    const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (typeof json !== 'object' || json === null || Array.isArray(json)) return bytes;
    return new TextEncoder().encode(`${JSON.stringify({ ...json, webhook }, null, 2)}\n`);
  } catch {
    return bytes;
  }
}
