/**
 * What webhooks are signed with: `{"secrets": ["whsec_...", ...]}`, the newest first. The stack makes it empty, so that no secret ever
 * stands in a template; whoever signs first, or shows it first, puts one in (clients/aws/secrets-manager-secrets.ts).
 */
import { RemovalPolicy, SecretValue } from 'aws-cdk-lib';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { acknowledge } from './acknowledge';
import { allow } from './allow';
import type { Settings } from './settings';

export interface WebhookSecretProps {
  readonly settings: Settings;
  readonly key?: kms.IKey;
}

const EMPTY = JSON.stringify({ secrets: [] });

export class WebhookSecret extends secretsmanager.Secret {
  constructor(scope: Construct, id: string, { settings, key }: WebhookSecretProps) {
    super(scope, id, {
      description: 'Signs webhooks. Change it with: mv2id webhooks rotate-secret',
      secretStringValue: SecretValue.unsafePlainText(EMPTY),
      encryptionKey: key,
      removalPolicy: settings.delete_data_with_stack ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN,
    });
    acknowledge(
      this,
      'SMG4',
      'Every receiver must be given a new secret before the old one ends, which no schedule can know: ' +
        '`mv2id webhooks rotate-secret` makes a second one, both sign, and the old one is retired by hand.',
    );
  }

  /** Reads the secrets, and writes the first one where there is none. */
  allowSign(grantee: iam.IGrantable): void {
    allow(grantee, ['secretsmanager:GetSecretValue', 'secretsmanager:PutSecretValue'], [this.secretArn]);
  }
}
