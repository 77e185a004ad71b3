/** Beside the flow: every ten minutes lambdas/reconcile.ts finds what an event lost. */
import { Duration } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { Construct } from 'constructs';
import { EXPIRY_KEY, SWEEP_KEY, UPLOADS_PREFIX } from '../../contract/keys';
import type { BatchAccess } from '../batch-access';
import type { FlowQueues } from '../flow-queues';
import { StageFunction, type StageSettings } from '../stage-function';
import type { Storage } from '../storage';

export interface ReconcileStageProps extends StageSettings {
  readonly storage: Storage;
  readonly queues: FlowQueues;
  readonly batch: BatchAccess;
}

const EVERY = Duration.minutes(10);

export class ReconcileStage extends Construct {
  readonly handler: StageFunction;

  constructor(scope: Construct, id: string, props: ReconcileStageProps) {
    super(scope, id);
    const { storage, queues, batch } = props;
    this.handler = new StageFunction(this, 'Function', {
      ...props,
      stage: 'reconcile',
      description: 'Finds what an event lost, and deletes results whose time is over',
      memoryMb: 1024,
    });
    // The next run is the retry.
    this.handler.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: Duration.minutes(5) });
    new Rule(this, 'Schedule', {
      description: 'Runs reconcile',
      schedule: Schedule.rate(EVERY),
      targets: [new LambdaFunction(this.handler, { retryAttempts: 0, maxEventAge: Duration.minutes(5) })],
    });

    // What it may do
    storage.allowObjects(this.handler, 'uploads', `${UPLOADS_PREFIX}*/job.json`, ['read']);
    for (const key of [SWEEP_KEY, EXPIRY_KEY]) storage.allowObjects(this.handler, 'results', key, ['read', 'write']);
    storage.allowLedger(this.handler);
    storage.allowQueries(this.handler, ['by_unsettled', 'by_set', 'by_tenant', 'by_job', 'by_expiry']);
    storage.allowRecords(this.handler, {
      erasure: ['read', 'write'],
      erased_job: ['read', 'write'],
      job: ['delete'],
      consent: ['read', 'delete'],
      delivery: ['delete'],
    });
    storage.allowRemovalOfResults(this.handler);
    for (const queue of [queues.intake, queues.jobs]) {
      queue.allowDepth(this.handler);
      queue.allowSend(this.handler);
    }
    queues.webhooks.allowSend(this.handler);
    batch.allowTerminate(this.handler);
  }
}
