/** Stage 1: queue `intake` -> lambdas/validate.ts -> queue `jobs`. */
import { Construct } from 'constructs';
import { FACE_MODELS } from '../../contract/env';
import { UPLOADS_PREFIX } from '../../contract/keys';
import type { BatchAccess } from '../batch-access';
import { FaceModelsLayer } from '../face-models-layer';
import type { FlowQueues } from '../flow-queues';
import { NATIVE_PACKAGES, NativeLayer } from '../native-layer';
import { StageFunction, type StageSettings } from '../stage-function';
import type { Storage } from '../storage';

export interface ValidateStageProps extends StageSettings {
  readonly storage: Storage;
  readonly queues: FlowQueues;
  readonly batch: BatchAccess;
}

export class ValidateStage extends Construct {
  readonly handler: StageFunction;

  constructor(scope: Construct, id: string, props: ValidateStageProps) {
    super(scope, id);
    const { settings, storage, queues, batch } = props;
    const { architecture, concurrency } = settings.lambda;
    const native = new NativeLayer(this, 'Native', { architecture });
    const faceModels = new FaceModelsLayer(this, 'FaceModels');
    this.handler = new StageFunction(this, 'Function', {
      ...props,
      stage: 'validate',
      description: 'Turns a job.json and its photos into a job, or says what is wrong with them',
      // One photo of 64 megapixels is decoded at a time: 0.8 GB at most, measured (bench/face-check.ts). The rest buys a whole core.
      memoryMb: 2048,
      layers: [native, faceModels],
      layerPackages: NATIVE_PACKAGES,
      environment: { [FACE_MODELS]: faceModels.folder },
    });
    // One set a call: a photo that takes long, or takes the process with it, holds up no other set.
    queues.intake.feed(this.handler, { batchSize: 1, maxConcurrency: concurrency.validate });

    // What it may do
    storage.allowObjects(this.handler, 'uploads', `${UPLOADS_PREFIX}*`, ['read']);
    storage.allowObjects(this.handler, 'models', '*/model_index.json', ['read']);
    storage.allowLedger(this.handler);
    storage.allowQueries(this.handler, ['by_set', 'by_job']);
    storage.allowRecords(this.handler, {
      erasure: ['read'],
      erased_job: ['read', 'write'],
      // Deleted where an upload is erased while it is judged: it leaves no job.
      consent: ['write', 'delete'],
      job: ['delete'],
      delivery: ['delete'],
    });
    queues.jobs.allowSend(this.handler);
    queues.webhooks.allowSend(this.handler);
    batch.allowTerminate(this.handler);
  }
}
