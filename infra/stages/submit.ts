/** Stage 2: queue `jobs` -> lambdas/submit.ts -> AWS Batch. */
import { Construct } from 'constructs';
import type { BatchAccess } from '../batch-access';
import type { FlowQueues } from '../flow-queues';
import { StageFunction, type StageSettings } from '../stage-function';
import type { Storage } from '../storage';

export interface SubmitStageProps extends StageSettings {
  readonly storage: Storage;
  readonly queues: FlowQueues;
  readonly batch: BatchAccess;
}

export class SubmitStage extends Construct {
  readonly handler: StageFunction;

  constructor(scope: Construct, id: string, props: SubmitStageProps) {
    super(scope, id);
    const { settings, storage, queues, batch } = props;
    this.handler = new StageFunction(this, 'Function', {
      ...props,
      stage: 'submit',
      description: 'Hands queued jobs to AWS Batch',
      memoryMb: 512,
    });
    queues.jobs.feed(this.handler, { batchSize: 5, maxConcurrency: settings.lambda.concurrency.submit });

    // What it may do
    storage.allowLedger(this.handler);
    storage.allowRecords(this.handler, { erased_job: ['read'] });
    queues.webhooks.allowSend(this.handler);
    batch.allowSubmit(this.handler);
    batch.allowTerminate(this.handler);
  }
}
