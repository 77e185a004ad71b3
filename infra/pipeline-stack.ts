/**
 * The service in AWS, from the uploads bucket to the webhook:
 *
 *   uploads -> EventBridge -> [intake] -> validate -> [jobs] -> submit -> AWS Batch -> GPU worker -> results
 *                                                             AWS Batch -> EventBridge -> [batch_events] -> track
 *                                   every change of a job -> [webhooks] -> notify -> the receiver
 *
 * reconcile finds what an event lost. [ ] are queues, each with dead letters.
 */
import { Stack, type StackProps, Tags } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { AlertTopic } from './alert-topic';
import { BatchAccess, type BatchNames } from './batch-access';
import { BatchEvents } from './batch-events';
import { deploymentJson } from './deployment-json';
import { EncryptionKey } from './encryption-key';
import { flowQueues } from './flow-queues';
import { GpuCompute } from './gpu/gpu-compute';
import { Network } from './network';
import { Operations } from './operations/operations';
import { writeOutputs } from './outputs';
import type { Settings } from './settings';
import { NotifyStage } from './stages/notify';
import { ReconcileStage } from './stages/reconcile';
import { SubmitStage } from './stages/submit';
import { TrackStage } from './stages/track';
import { ValidateStage } from './stages/validate';
import { Storage } from './storage';
import { TrainingCompute } from './training/training-compute';
import { UploadEvents } from './upload-events';
import { WebhookSecret } from './webhook-secret';

export interface PipelineStackProps extends StackProps {
  readonly settings: Settings;
  /** A Batch of somebody else's, for emulators: the stack has no GPUs and no network then. */
  readonly batch?: BatchNames;
}

export class PipelineStack extends Stack {
  constructor(scope: Construct, id: string, { settings, batch: played, ...props }: PipelineStackProps) {
    super(scope, id, {
      stackName: settings.stack_name,
      description: 'mv2id: identity-consistent video of a person, from several photos, as a batch job system.',
      ...props,
    });
    Tags.of(this).add('mv2id:stack', settings.stack_name);

    // What is kept, what waits, what signs
    const key = settings.encryption === 'customer_managed' ? new EncryptionKey(this, 'Key', { settings }) : undefined;
    const storage = new Storage(this, 'Storage', { settings, key });
    const queues = flowQueues(this, key);
    const secret = new WebhookSecret(this, 'SigningSecret', { settings, key });
    const batch = new BatchAccess(this, 'Batch', played ?? batchNames(settings));
    const parts = { storage, queues, batch, secret };
    const deployment = deploymentJson(this, { settings, ...parts });
    const stage = { settings, deployment, key, ...parts };

    // job.json -> intake -> validate -> jobs
    new UploadEvents(this, 'UploadEvents', { uploads: storage.uploads, intake: queues.intake });
    const validate = new ValidateStage(this, 'Validate', stage);

    // jobs -> submit -> Batch -> GPU worker -> results
    const submit = new SubmitStage(this, 'Submit', stage);
    if (!played) {
      const network = new Network(this, 'Network', { settings, key });
      const { webhooks } = queues;
      new GpuCompute(this, 'Gpu', { settings, names: batch, network, storage, webhooks, deployment });
      if (settings.training.enabled) new TrainingCompute(this, 'Training', { settings, network, storage });
    }

    // Batch -> batch_events -> track
    new BatchEvents(this, 'BatchStates', { batch, batchEvents: queues.batch_events });
    const track = new TrackStage(this, 'Track', stage);

    // webhooks -> notify -> the receiver
    const notify = new NotifyStage(this, 'Notify', stage);

    // What an event lost
    const reconcile = new ReconcileStage(this, 'Reconcile', stage);

    // What people and commands are told
    const functions = {
      validate: validate.handler,
      submit: submit.handler,
      track: track.handler,
      notify: notify.handler,
      reconcile: reconcile.handler,
    };
    const topic = new AlertTopic(this, 'Alerts', { settings, key });
    const { table } = storage;
    new Operations(this, 'Operations', { settings, queues, functions, table, topic, jobQueueArn: batch.jobQueueArn });
    writeOutputs(this, { settings, ...parts });
  }
}

/** Fixed, so that the worker's job definition can hold the deployment, which names the job definition. */
function batchNames({ stack_name }: Settings): BatchNames {
  return { jobQueueName: `${stack_name}-jobs`, jobDefinitionName: `${stack_name}-worker` };
}
