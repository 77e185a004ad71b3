/** The pictures and videos of a report, put into the page itself as data: addresses. */

export interface MediaFile {
  /** Name beside the report, as report.json gives it. */
  readonly file: string;
  readonly bytes: Uint8Array;
}

/** A reference as the model saw it: upright, in the video's proportions. */
export interface ReferencePicture {
  readonly file: string;
  readonly view: string | null;
  readonly jpeg: Uint8Array;
}

export interface ReportMedia {
  readonly videos: readonly MediaFile[];
  readonly posters: readonly MediaFile[];
  readonly references: readonly ReferencePicture[];
}

export function dataAddress(contentType: string, bytes: Uint8Array): string {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return `data:${contentType};base64,${view.toString('base64')}`;
}

/** @throws Error when the report names a file that is not among `files`. */
export function requireFile<File extends { readonly file: string }>(
  kind: keyof ReportMedia,
  files: readonly File[],
  name: string,
): File {
  const found = files.find(({ file }) => file === name);
  if (!found) throw new Error(`The report's ${kind} must hold ${name}, got nothing of that name.`);
  return found;
}
