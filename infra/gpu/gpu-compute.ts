/**
 * AWS Batch for the workers: instances with GPUs by kind of capacity, one queue before them that is fair between tenants, and the
 * definition of a worker's job. Queue and definition have fixed names: the definition holds the deployment, which names both. Who may
 * use them stands in ../batch-access.ts.
 */
import { Duration, Size } from 'aws-cdk-lib';
import * as batch from 'aws-cdk-lib/aws-batch';
import type * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { BatchNames } from '../batch-access';
import type { Network } from '../network';
import type { FlowQueue } from '../queue';
import type { Settings } from '../settings';
import type { Storage } from '../storage';
import { containerImage } from './container-image';
import { GpuEnvironment } from './gpu-environment';
import { InstanceRole } from './instance-role';
import { InstanceTemplate } from './instance-template';
import { JobLog } from './job-log';
import { GpuJobQueue } from './job-queue';
import { maxVcpus } from './max-vcpus';
import { WorkerDefinition } from './worker-definition';

export interface GpuComputeProps {
  readonly settings: Settings;
  readonly names: BatchNames;
  readonly network: Network;
  readonly storage: Storage;
  /** The worker's jobs fire their events into it. */
  readonly webhooks: FlowQueue;
  /** JSON for MV2ID_DEPLOYMENT. */
  readonly deployment: string;
}

/** Within which a tenant's use counts against it. */
const SHARE_DECAY = Duration.hours(1);

export class GpuCompute extends Construct {
  readonly computeEnvironments: readonly GpuEnvironment[];
  readonly jobQueue: batch.JobQueue;
  readonly jobDefinition: batch.EcsJobDefinition;
  readonly logGroup: logs.LogGroup;

  constructor(scope: Construct, id: string, props: GpuComputeProps) {
    super(scope, id);
    const { settings, names, network } = props;
    const { gpu } = settings;

    const { launchTemplate } = new InstanceTemplate(this, 'Instance', { disk: Size.gibibytes(gpu.disk_gib) });
    const instanceRole = new InstanceRole(this, 'InstanceRole');
    this.computeEnvironments = gpu.capacity.map(
      (capacity) =>
        new GpuEnvironment(this, capacity === 'spot' ? 'Spot' : 'OnDemand', {
          capacity,
          instanceTypes: gpu.instance_types,
          maxVcpus: maxVcpus({
            maxGpus: gpu.max_gpus,
            instanceTypes: gpu.instance_types,
            jobVcpus: gpu.job.vcpus,
          }),
          network,
          launchTemplate,
          instanceRole,
          keepWarmMinutes: gpu.keep_warm_minutes,
        }),
    );

    this.jobQueue = new GpuJobQueue(this, 'Queue', {
      name: names.jobQueueName,
      environments: this.computeEnvironments,
      schedulingPolicy: new batch.FairshareSchedulingPolicy(this, 'FairShare', {
        // Every tenant alike: see clients/aws/aws-batch.ts.
        shares: [{ shareIdentifier: 'share*', weightFactor: 1 }],
        shareDecay: SHARE_DECAY,
      }),
      stuckMinutes: gpu.stuck_minutes,
    });

    this.logGroup = new JobLog(this, 'Log', { settings, key: props.storage.key });
    this.jobDefinition = new WorkerDefinition(this, 'Worker', {
      ...props,
      name: names.jobDefinitionName,
      image: containerImage(this, 'Image', { dockerfile: 'gpu-worker/Dockerfile', image: gpu.image }),
      logGroup: this.logGroup,
    }).jobDefinition;
  }
}
