/** How a job of our Batch queue fares becomes a message of the queue `batch_events`. */
import { Rule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { Construct } from 'constructs';
import type { BatchAccess } from './batch-access';
import type { FlowQueue } from './queue';

export interface BatchEventsProps {
  readonly batch: BatchAccess;
  readonly batchEvents: FlowQueue;
}

export class BatchEvents extends Construct {
  constructor(scope: Construct, id: string, { batch, batchEvents }: BatchEventsProps) {
    super(scope, id);
    new Rule(this, 'Rule', {
      description: 'A Batch job has changed its state.',
      eventPattern: {
        source: ['aws.batch'],
        detailType: ['Batch Job State Change'],
        detail: { jobQueue: [batch.jobQueueArn] },
      },
      targets: [new SqsQueue(batchEvents.queue, { deadLetterQueue: batchEvents.deadLetters })],
    });
  }
}
