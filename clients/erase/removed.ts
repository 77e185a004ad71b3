/** What an erasure has removed, by kind: how much, and a hash by which a list kept elsewhere can be compared. */
import { createHash } from 'node:crypto';
import { ERASED_KINDS, type ErasedKind, type ErasureCertificate } from '../../contract/erasure';

export class Removed {
  private readonly kinds = new Map<ErasedKind, { names: Set<string>; count: number; bytes: number }>();

  /** @param bytes 0 where it has no size of its own. */
  add(kind: ErasedKind, name: string, bytes = 0): void {
    const { names, count, bytes: before } = this.kinds.get(kind) ?? { names: new Set<string>(), count: 0, bytes: 0 };
    this.kinds.set(kind, { names: names.add(name), count: count + 1, bytes: before + bytes });
  }

  count(kind: ErasedKind): number {
    return this.kinds.get(kind)?.count ?? 0;
  }

  counts(): Record<ErasedKind, number> {
    return Object.fromEntries(ERASED_KINDS.map((kind) => [kind, this.count(kind)])) as Record<ErasedKind, number>;
  }

  /** Every kind, also those of which there was nothing. */
  list(): ErasureCertificate['removed'] {
    return ERASED_KINDS.map((kind) => {
      const { names, count, bytes } = this.kinds.get(kind) ?? { names: [], count: 0, bytes: 0 };
      return { kind, count, bytes, names_sha256: namesHash(names) };
    });
  }
}

/** Of the names in the order of their UTF-8 bytes, each once, with a line feed between them. */
export function namesHash(names: Iterable<string>): string {
  const sorted = [...new Set(names)].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return createHash('sha256').update(sorted.join('\n')).digest('hex');
}
