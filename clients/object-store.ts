/**
 * Port: one bucket. S3's own promises, no more: strong consistency, no order among keys but the alphabet in a listing, writes that
 * are there whole or not at all.
 */
export interface ObjectInfo {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** Changes with the content. Opaque, without quotes. */
  readonly etag: string;
  readonly lastModified: Date;
}

export interface StoredObject extends ObjectInfo {
  readonly body: Uint8Array;
}

export interface ObjectVersion {
  readonly key: string;
  /** Null in a bucket that keeps none. */
  readonly versionId: string | null;
  /** Bytes; 0 of a delete marker. */
  readonly size: number;
  readonly lastModified: Date;
}

export interface PutOptions {
  readonly contentType?: string;
  /** Write only if there is no object under the key. */
  readonly ifNoneMatch?: '*';
  /** Write only if the object under the key has this etag. */
  readonly ifMatch?: string;
}

export interface ListOptions {
  readonly after?: string | null;
}

/** A conditional write found another object than it was based on (HTTP 412). */
export class PreconditionFailed extends Error {
  override readonly name = 'PreconditionFailed';
  constructor(readonly key: string) {
    super(`${key} must be as it was read, got another version of it.`);
  }
}

export interface ObjectStore {
  /** @param body bytes, or a file on this machine. @throws PreconditionFailed */
  put(key: string, body: Uint8Array | string | { readonly file: string }, options?: PutOptions): Promise<ObjectInfo>;
  /** Null when there is none. `maxBytes`: an object larger than this is not read but thrown as ObjectTooLarge. */
  get(key: string, options?: { readonly maxBytes?: number }): Promise<StoredObject | null>;
  /** Streams the object into a file; null when there is none. The file is complete or absent. */
  download(key: string, file: string): Promise<ObjectInfo | null>;
  head(key: string): Promise<ObjectInfo | null>;
  /**
   * Every object under the prefix, in the order of the keys' UTF-8 bytes, page by page.
   * @param options.after only keys behind this one, which need not be there.
   */
  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectInfo>;
  /** No error when there is none. */
  delete(key: string): Promise<void>;
  /**
   * Every version of every object under the prefix and every delete marker, in no order. In a bucket that keeps no versions these are
   * its objects.
   */
  listVersions(prefix: string): AsyncIterable<ObjectVersion>;
  /**
   * Deletes them for good, current ones and earlier ones alike. Safe to repeat, and where it breaks off the rest stays.
   * @param options.until only what was written up to then.
   * @yields what is deleted. @throws Error when the store refuses one.
   */
  erase(prefix: string, options?: { readonly until?: Date }): AsyncIterable<ObjectVersion>;
  /** A link that works without credentials until it expires; null where this deployment has no way to serve one. */
  presign(key: string, expiresInSeconds: number): Promise<{ url: string; expiresAt: Date } | null>;
}

export class ObjectTooLarge extends Error {
  override readonly name = 'ObjectTooLarge';
  constructor(
    readonly info: ObjectInfo,
    maxBytes: number,
  ) {
    super(`${info.key} must be at most ${maxBytes} bytes, got ${info.size}.`);
  }
}
