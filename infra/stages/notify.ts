/**
 * Last stage: queue `webhooks` -> lambdas/notify.ts -> the receiver. It runs outside of any VPC of ours, so that an address that
 * somebody made up leads to nothing of ours.
 *
 * A webhook that was not taken stays in the queue and is hidden until it is due; it is never sent to the queue again, so Lambda's
 * guard against loops stays on.
 */
import { Construct } from 'constructs';
import type { FlowQueues } from '../flow-queues';
import { StageFunction, type StageSettings } from '../stage-function';
import type { Storage } from '../storage';
import type { WebhookSecret } from '../webhook-secret';

export interface NotifyStageProps extends StageSettings {
  readonly storage: Storage;
  readonly queues: FlowQueues;
  readonly secret: WebhookSecret;
}

export class NotifyStage extends Construct {
  readonly handler: StageFunction;

  constructor(scope: Construct, id: string, props: NotifyStageProps) {
    super(scope, id);
    const { settings, storage, queues, secret } = props;
    this.handler = new StageFunction(this, 'Function', {
      ...props,
      stage: 'notify',
      description: 'Signs webhooks and brings them to their receivers',
      memoryMb: 512,
    });
    queues.webhooks.feed(this.handler, { batchSize: 10, maxConcurrency: settings.lambda.concurrency.notify });

    // What it may do. The links that it signs can do no more than itself.
    storage.allowRecords(this.handler, {
      delivery: ['read', 'write', 'delete'],
      endpoint: ['read', 'write'],
      erased_job: ['read'],
    });
    storage.allowObjects(this.handler, 'results', 'jobs/*', ['read']);
    queues.webhooks.allowSendToDeadLetters(this.handler);
    secret.allowSign(this.handler);
  }
}
