/** The signing secrets of a local deployment: a file that only its owner may read, made at first use. */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { WebhookSecrets } from '../webhook-secrets';
import type { Exclusively } from './exclusively';
import { readPrivateFile, writePrivateFile } from './private-file';

type Secrets = readonly [string, ...string[]];

const SECRET_BYTES = 32;
const SecretSchema = z.string().regex(/^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/);
/** The same form as in Secrets Manager; the newest first. */
const FileSchema = z.strictObject({
  secrets: z.tuple([SecretSchema], SecretSchema).refine(({ length }) => length <= 2),
});

export class FileWebhookSecrets implements WebhookSecrets {
  constructor(
    private readonly file: string,
    private readonly exclusively: Exclusively,
  ) {}

  async live(): Promise<Secrets> {
    return this.read() ?? this.exclusively(() => this.read() ?? this.write([newSecret()]));
  }

  async rotate(): Promise<string> {
    const [newest] = await this.exclusively(() => this.write([newSecret(), ...(this.read()?.slice(0, 1) ?? [])]));
    return newest;
  }

  async retirePrevious(): Promise<void> {
    await this.exclusively(() => {
      const [newest, previous] = this.read() ?? [];
      if (newest !== undefined && previous !== undefined) this.write([newest]);
    });
  }

  /** @throws Error when the file holds anything else than one or two secrets; what it holds is not told. */
  private read(): Secrets | null {
    const text = readPrivateFile(this.file);
    if (text === null) return null;
    try {
      return FileSchema.parse(JSON.parse(text)).secrets;
    } catch {
      throw new Error(`${this.file} must be JSON with one or two whsec_ secrets, got something else.`);
    }
  }

  private write(secrets: Secrets): Secrets {
    writePrivateFile(this.file, `${JSON.stringify({ secrets }, null, 2)}\n`);
    return secrets;
  }
}

function newSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
}
