/**
 * The job of a worker, and what it may reach. Beside its own results it changes the cache of models, which is all that outlives it
 * on the instance; the photos that it works on lie in memory.
 */
import { Duration, Size } from 'aws-cdk-lib';
import * as batch from 'aws-cdk-lib/aws-batch';
import type * as ecs from 'aws-cdk-lib/aws-ecs';
import type * as logs from 'aws-cdk-lib/aws-logs';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import * as env from '../../contract/env';
import { UPLOADS_PREFIX } from '../../contract/keys';
import { EXECUTION_TIMEOUT_MARGIN_SECONDS, MAX_EXECUTION_TIMEOUT_SECONDS } from '../../contract/limits';
import { WORKER_ATTEMPTS } from '../../contract/worker-exit';
import type { FlowQueue } from '../queue';
import type { Settings } from '../settings';
import type { Storage } from '../storage';
import { containerRole } from './container-role';
import { GpuContainer } from './gpu-container';
import { HOST_CACHE, HOST_STATE, INSTANCE_FILE } from './host-folders';
import { retryStrategies } from './retry-strategies';

export interface WorkerDefinitionProps {
  readonly settings: Settings;
  readonly name: string;
  readonly image: ecs.ContainerImage;
  readonly logGroup: logs.ILogGroup;
  readonly storage: Storage;
  readonly webhooks: FlowQueue;
  /** JSON for MV2ID_DEPLOYMENT. */
  readonly deployment: string;
}

/** In the container. */
const STATE = '/mnt/mv2id';
const CACHE = `${STATE}/cache`;
/** The set's photos (8 of 32 MiB at most), videos and reports before they are uploaded (4 of 161 frames of 1280 x 720). */
const TMP_SIZE = Size.gibibytes(4);

export class WorkerDefinition extends Construct {
  readonly jobDefinition: batch.EcsJobDefinition;

  constructor(scope: Construct, id: string, props: WorkerDefinitionProps) {
    super(scope, id);
    const { job } = props.settings.gpu;
    const jobRole = containerRole(this, 'JobRole');
    this.jobDefinition = new batch.EcsJobDefinition(this, 'Definition', {
      jobDefinitionName: props.name,
      container: new GpuContainer(this, 'Container', {
        image: props.image,
        gpus: 1,
        vcpus: job.vcpus,
        memory: Size.gibibytes(job.memory_gib),
        sharedMemory: Size.gibibytes(job.shared_memory_gib),
        tmp: TMP_SIZE,
        jobRole,
        volumes: [
          batch.EcsVolume.host({ name: 'state', hostPath: HOST_STATE, containerPath: STATE, readonly: true }),
          batch.EcsVolume.host({ name: 'cache', hostPath: HOST_CACHE, containerPath: CACHE, readonly: false }),
        ],
        environment: {
          [env.DEPLOYMENT]: props.deployment,
          [env.PROVIDER]: 'cuda',
          [env.MODEL_CACHE]: CACHE,
          [env.INSTANCE]: `${STATE}/${INSTANCE_FILE}`,
        },
        secrets: this.signingSecrets(props.settings),
        logGroup: props.logGroup,
        logPrefix: 'worker',
      }),
      // A hard stop: a submission brings the job's own, which the worker keeps by itself.
      timeout: Duration.seconds(MAX_EXECUTION_TIMEOUT_SECONDS + EXECUTION_TIMEOUT_MARGIN_SECONDS),
      retryAttempts: WORKER_ATTEMPTS,
      retryStrategies: retryStrategies(),
      propagateTags: true,
      // A job that waits while the stack is updated keeps the revision that it was submitted with.
      skipDeregisterOnUpdate: true,
    });

    // What it may do
    const { storage, webhooks } = props;
    storage.allowObjects(jobRole, 'uploads', `${UPLOADS_PREFIX}*`, ['read']);
    storage.allowObjects(jobRole, 'models', '*', ['read']);
    // Deleted is the checkpoint of a job that is over, and everything of one that was erased meanwhile.
    storage.allowObjects(jobRole, 'results', 'jobs/*', ['read', 'write', 'delete']);
    storage.allowRecords(jobRole, { job: ['read', 'write'], erased_job: ['read'], consent: ['read'] });
    webhooks.allowSend(jobRole);
  }

  private signingSecrets({ gpu }: Settings): Record<string, batch.Secret> {
    if (gpu.signing_secret === undefined) return {};
    const secret = secretsmanager.Secret.fromSecretCompleteArn(this, 'SigningSecret', gpu.signing_secret);
    return {
      [env.C2PA_CERTIFICATES]: batch.Secret.fromSecretsManager(secret, 'certificates'),
      [env.C2PA_PRIVATE_KEY]: batch.Secret.fromSecretsManager(secret, 'private_key'),
    };
  }
}
