/** The pictures and videos of a report, put into the page itself as data: addresses. */

export interface MediaFile {
  /** Name beside the report, as report.json gives it. */
  readonly file: string;
  readonly bytes: Uint8Array;
}

/** JPEGs of an output's frames that resemble the references most and least. */
export interface ExtremePictures {
  readonly best: Uint8Array;
  readonly worst: Uint8Array;
}

export interface ReportMedia {
  readonly videos: readonly MediaFile[];
  readonly posters: readonly MediaFile[];
  /** JPEGs of what the model was fed, by the names in `references[].fed`. */
  readonly references: readonly MediaFile[];
  /** One an output, null where identity is not measured; none where no faces are. */
  readonly extremes: readonly (ExtremePictures | null)[];
}

export function dataAddress(contentType: string, bytes: Uint8Array): string {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return `data:${contentType};base64,${view.toString('base64')}`;
}

/** @throws Error when the report names a file that is not among `files`. */
export function requireFile(kind: keyof ReportMedia, files: readonly MediaFile[], name: string): MediaFile {
  const found = files.find(({ file }) => file === name);
  if (!found) throw new Error(`The report's ${kind} must hold ${name}, got nothing of that name.`);
  return found;
}
