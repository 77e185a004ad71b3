/**
 * The signing secrets in AWS Secrets Manager, as `{"secrets": ["whsec_...", ...]}`. Kept in memory for five minutes: a Lambda signs
 * thousands of webhooks, and during a rotation both secrets verify.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  GetSecretValueCommand,
  PutSecretValueCommand,
  ResourceExistsException,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { z } from 'zod';
import type { WebhookSecrets } from '../webhook-secrets';

const CACHE_MS = 5 * 60 * 1000;
/** Standard Webhooks asks for 24 to 64 bytes. */
const SECRET_BYTES = 32;

const SecretsSchema = z.strictObject({
  /** Empty until the first rotation of a new deployment. */
  secrets: z.array(z.string().regex(/^whsec_[A-Za-z0-9+/]+=*$/)).max(2),
});

interface Version {
  readonly id: string;
  readonly secrets: readonly string[];
}

export class SecretsManagerSecrets implements WebhookSecrets {
  private cached: { readonly secrets: readonly string[]; readonly until: number } | null = null;

  /**
   * @param client is asked for when it is first needed.
   * @param secretId name or ARN.
   */
  constructor(
    private readonly client: () => SecretsManagerClient,
    private readonly secretId: string,
    private readonly now: () => Date = () => new Date(),
  ) {}

  /** @throws Error when there is none yet. */
  async live(): Promise<readonly [string, ...string[]]> {
    const isFresh = this.cached && this.now().getTime() < this.cached.until;
    const secrets = isFresh && this.cached ? this.cached.secrets : this.keep((await this.read()).secrets);
    const [first, ...rest] = secrets;
    if (first === undefined) throw new Error(`${this.secretId} must hold a webhook secret, got none: rotate it once.`);
    return [first, ...rest];
  }

  async rotate(): Promise<string> {
    const secret = `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
    await this.change((secrets) => [secret, ...secrets.slice(0, 1)]);
    return secret;
  }

  /** Others see it within five minutes: rotate and retire are meant to be days apart. */
  async retirePrevious(): Promise<void> {
    await this.change((secrets) => secrets.slice(0, 1));
  }

  /** Reads, changes, writes, and begins anew when somebody else wrote meanwhile. */
  private async change(decide: (secrets: readonly string[]) => readonly string[]): Promise<void> {
    for (;;) {
      const version = await this.read();
      const secrets = decide(version.secrets);
      try {
        await this.client().send(
          new PutSecretValueCommand({
            SecretId: this.secretId,
            ClientRequestToken: successor(version.id),
            SecretString: JSON.stringify({ secrets }),
          }),
        );
        this.keep(secrets);
        return;
      } catch (error) {
        if (!(error instanceof ResourceExistsException)) throw error;
      }
    }
  }

  private async read(): Promise<Version> {
    const { SecretString, VersionId } = await this.client().send(
      new GetSecretValueCommand({ SecretId: this.secretId }),
    );
    if (VersionId === undefined) throw new Error(`${this.secretId} must come with a version id, got none.`);
    return { id: VersionId, secrets: this.parse(SecretString) };
  }

  private parse(text: string | undefined): readonly string[] {
    try {
      return SecretsSchema.parse(JSON.parse(text ?? '')).secrets;
    } catch {
      // The parser's own message would quote the value.
      throw new Error(
        `${this.secretId} must be {"secrets": [...]} with at most two whsec_ secrets, got something else.`,
      );
    }
  }

  private keep(secrets: readonly string[]): readonly string[] {
    this.cached = { secrets, until: this.now().getTime() + CACHE_MS };
    return secrets;
  }
}

/**
 * The version id that a change of this version gets. Secrets Manager has no conditional write, but refuses a version id that exists
 * with another content: of two changes to one version the second fails.
 */
function successor(versionId: string): string {
  return createHash('sha256').update(`${versionId}\n`).digest('hex');
}
