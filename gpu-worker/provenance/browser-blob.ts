/**
 * What the C2PA library expects of a browser's worker and Node has not: a blob that is read without waiting. The library asks a blob
 * for its size and its slices, and reads them through FileReaderSync. Source: W3C File API, "The FileReaderSync API".
 */

/** A blob whose bytes are at hand; they are not copied. */
export class MemoryBlob {
  constructor(readonly content: Uint8Array) {}

  get size(): number {
    return this.content.length;
  }

  slice(start = 0, end = this.content.length): MemoryBlob {
    return new MemoryBlob(this.content.subarray(start, end));
  }
}

/** Reads blobs of this file, and no others. */
export function provideFileReader(): void {
  class FileReaderSync {
    readAsArrayBuffer({ content }: MemoryBlob): ArrayBuffer {
      return new Uint8Array(content).buffer;
    }
  }
  Object.assign(globalThis, { FileReaderSync });
}
