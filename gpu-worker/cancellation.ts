/** Stopping between two steps: a flag in shared memory, set on one thread and looked at on another. */

/** Thrown where the flag is found set; nothing went wrong. */
export class GenerationCanceled extends Error {
  override readonly name = 'GenerationCanceled';
}

export class CancelFlag {
  private readonly cell: Int32Array;

  /** @param buffer that of another thread's flag; a new one unless given. */
  constructor(readonly buffer: SharedArrayBuffer = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) {
    this.cell = new Int32Array(buffer);
  }

  set(): void {
    Atomics.store(this.cell, 0, 1);
  }

  /** @throws GenerationCanceled when the flag is set. */
  throwIfSet(): void {
    if (Atomics.load(this.cell, 0) === 1) throw new GenerationCanceled('The generation was stopped.');
  }
}
