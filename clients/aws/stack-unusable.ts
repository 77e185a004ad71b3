/** Apart from what throws it, so that it is known without loading an SDK. */

/** The stack cannot be used, or not yet; `message` says why, and what to do. */
export class StackUnusable extends Error {
  override readonly name = 'StackUnusable';
  constructor(
    message: string,
    /** Somebody has to change something; otherwise waiting may help. */
    readonly isFinal: boolean,
  ) {
    super(message);
  }
}
