/** What the containers of one kind of job print. */
import { RemovalPolicy } from 'aws-cdk-lib';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { Settings } from '../settings';

export interface JobLogProps {
  readonly settings: Settings;
  readonly key?: kms.IKey;
}

export class JobLog extends logs.LogGroup {
  constructor(scope: Construct, id: string, { settings, key }: JobLogProps) {
    super(scope, id, {
      retention: settings.retention.logs_days,
      encryptionKey: key,
      removalPolicy: RemovalPolicy.DESTROY,
    });
  }
}
