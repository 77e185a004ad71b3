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
  /** Empty in a new deployment. */
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

  /** Makes the first one when there is none. */
  async live(): Promise<readonly [string, ...string[]]> {
    const isFresh = this.cached && this.now().getTime() < this.cached.until;
    const [first, ...rest] = isFresh && this.cached ? this.cached.secrets : await this.change(withOne);
    if (first === undefined) throw new Error(`${this.secretId} must hold a webhook secret, got none.`);
    return [first, ...rest];
  }

  async rotate(): Promise<string> {
    const secret = newSecret();
    await this.change((secrets) => [secret, ...secrets.slice(0, 1)]);
    return secret;
  }

  /** Others see it within five minutes: rotate and retire are meant to be days apart. */
  async retirePrevious(): Promise<void> {
    await this.change((secrets) => (secrets.length > 1 ? secrets.slice(0, 1) : secrets));
  }

  /**
   * Reads, changes and writes; begins anew when somebody else wrote meanwhile.
   * @param decide returns the very same list for no change.
   */
  private async change(decide: (secrets: readonly string[]) => readonly string[]): Promise<readonly string[]> {
    let refused: Version | null = null;
    for (let salt = 0; ; ) {
      const version = await this.read();
      const secrets = decide(version.secrets);
      if (secrets === version.secrets) return this.keep(secrets);
      salt = refused?.id === version.id ? salt + 1 : 0;
      if (await this.write(secrets, successor(version.id, salt))) return this.keep(secrets);
      refused = version;
    }
  }

  /** @returns false when that version exists, with another content. */
  private async write(secrets: readonly string[], versionId: string): Promise<boolean> {
    try {
      await this.client().send(
        new PutSecretValueCommand({
          SecretId: this.secretId,
          ClientRequestToken: versionId,
          SecretString: JSON.stringify({ secrets }),
        }),
      );
      return true;
    } catch (error) {
      if (error instanceof ResourceExistsException) return false;
      throw error;
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

function withOne(secrets: readonly string[]): readonly string[] {
  return secrets.length === 0 ? [newSecret()] : secrets;
}

function newSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
}

/**
 * The version id that a change of this version gets. Secrets Manager has no conditional write, but refuses a version id that exists
 * with another content: of two changes to one version the second fails.
 * @param salt counts the refusals while this version stayed the present one: somebody has gone back to it by hand.
 */
function successor(versionId: string, salt: number): string {
  return createHash('sha256').update(`${versionId}\n${salt}`).digest('hex');
}
