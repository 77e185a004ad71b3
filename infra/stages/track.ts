/** Stage 3: queue `batch_events` -> lambdas/track.ts -> queue `webhooks`. */
import { Construct } from 'constructs';
import type { FlowQueues } from '../flow-queues';
import { StageFunction, type StageSettings } from '../stage-function';
import type { Storage } from '../storage';

export interface TrackStageProps extends StageSettings {
  readonly storage: Storage;
  readonly queues: FlowQueues;
}

export class TrackStage extends Construct {
  readonly handler: StageFunction;

  constructor(scope: Construct, id: string, props: TrackStageProps) {
    super(scope, id);
    const { settings, storage, queues } = props;
    this.handler = new StageFunction(this, 'Function', {
      ...props,
      stage: 'track',
      description: 'Moves jobs on as AWS Batch tells how they fare',
      memoryMb: 512,
    });
    queues.batch_events.feed(this.handler, { batchSize: 10, maxConcurrency: settings.lambda.concurrency.track });

    // What it may do
    storage.allowLedger(this.handler);
    queues.webhooks.allowSend(this.handler);
  }
}
