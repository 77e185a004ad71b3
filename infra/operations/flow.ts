/** What is watched: the parts of the stack that alarms and dashboard read. */
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { QueueName } from '../../contract/deployment';
import type { StageName } from '../stage-function';

export interface Flow {
  readonly queues: Readonly<Record<QueueName, { readonly queue: IQueue; readonly deadLetters: IQueue }>>;
  readonly functions: Readonly<Record<StageName, LambdaFunction>>;
  readonly table: ITable;
  /** Of AWS Batch. */
  readonly jobQueueArn: string;
}

/** A stage that takes its messages from a queue. */
export type QueueStage = Exclude<StageName, 'reconcile'>;

/** In the order of the flow. */
export const QUEUE_STAGES: readonly QueueStage[] = ['validate', 'submit', 'track', 'notify'];

export const QUEUE_OF_STAGE: Readonly<Record<QueueStage, QueueName>> = {
  validate: 'intake',
  submit: 'jobs',
  track: 'batch_events',
  notify: 'webhooks',
};

/** `batch_events` in names of alarms and anchors of the runbook. */
export function kebab(name: string): string {
  return name.replaceAll('_', '-');
}
