/** A queue of the flow with its dead letters, and the ways in which a function may use it. */
import { Duration } from 'aws-cdk-lib';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { QueueName } from '../contract/deployment';
import { allow } from './allow';
import type { StageFunction } from './stage-function';

export interface FlowQueueProps {
  readonly name: QueueName;
  /** How long a message that is being worked on stays hidden: at least six times as long as its function may take. */
  readonly visibilitySeconds: number;
  /** Deliveries until a message is put among the dead letters. */
  readonly maxReceiveCount: number;
  readonly key?: kms.IKey;
}

export interface Feed {
  /** Messages of one call. */
  readonly batchSize: number;
  /** Calls at the same time. */
  readonly maxConcurrency: number;
}

/** The longest that SQS keeps a message: a job may wait as long for a GPU (contract/limits.ts, MAX_TTL_SECONDS). */
const RETENTION = Duration.days(14);

export class FlowQueue extends Construct {
  readonly name: QueueName;
  readonly queue: sqs.Queue;
  readonly deadLetters: sqs.Queue;

  constructor(scope: Construct, id: string, props: FlowQueueProps) {
    super(scope, id);
    const { name, visibilitySeconds, maxReceiveCount, key } = props;
    this.name = name;
    const defaults = {
      retentionPeriod: RETENTION,
      enforceSSL: true,
      ...(key
        ? { encryption: sqs.QueueEncryption.KMS, encryptionMasterKey: key }
        : { encryption: sqs.QueueEncryption.SQS_MANAGED }),
    };
    this.deadLetters = new sqs.Queue(this, 'DeadLetters', defaults);
    this.queue = new sqs.Queue(this, 'Queue', {
      ...defaults,
      visibilityTimeout: Duration.seconds(visibilitySeconds),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount },
    });
  }

  /** Calls the function with this queue's messages, and lets it do what lambdas/sqs-handler.ts does with them. */
  feed(handler: StageFunction, { batchSize, maxConcurrency }: Feed): void {
    new lambda.EventSourceMapping(this, 'Feed', {
      target: handler,
      eventSourceArn: this.queue.queueArn,
      batchSize,
      maxConcurrency,
      reportBatchItemFailures: true,
    });
    const actions = [
      'sqs:ReceiveMessage',
      'sqs:DeleteMessage',
      'sqs:ChangeMessageVisibility',
      'sqs:GetQueueAttributes',
    ];
    allow(handler, actions, [this.queue.queueArn]);
  }

  allowSend(grantee: iam.IGrantable): void {
    allow(grantee, ['sqs:SendMessage'], [this.queue.queueArn]);
  }

  allowSendToDeadLetters(grantee: iam.IGrantable): void {
    allow(grantee, ['sqs:SendMessage'], [this.deadLetters.queueArn]);
  }

  /** How many messages wait. */
  allowDepth(grantee: iam.IGrantable): void {
    allow(grantee, ['sqs:GetQueueAttributes'], [this.queue.queueArn]);
  }
}
