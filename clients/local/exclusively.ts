/**
 * Runs an action while nobody else runs one under the same lock, in this process or another. The lock ends with the process that
 * holds it. Actions are short and do not wait: everybody else does meanwhile.
 */
export type Exclusively = <T>(action: () => T) => Promise<T>;
