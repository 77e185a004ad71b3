/** Port: the signing secrets of Standard Webhooks. While a rotation lasts there are two, and every webhook bears both signatures. */
export interface WebhookSecrets {
  /** One or two `whsec_...`, the newest first. */
  live(): Promise<readonly [string, ...string[]]>;
  /** A new secret becomes the first, the one that was first stays second. @returns the new one. */
  rotate(): Promise<string>;
  /** Ends a rotation: only the newest stays. */
  retirePrevious(): Promise<void>;
}
