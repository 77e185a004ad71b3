/**
 * AWS Batch for the training: a queue of its own, so that no run of days stands before the videos of tenants, and one definition,
 * of a container or, with several nodes, of a multi-node parallel job, whose nodes start and end together and find the first by
 * its address. Batch runs those on On-Demand capacity alone; a run on one node takes Spot first and goes on from its checkpoint.
 *
 * The image's entry point is training/on_batch.py. A submission adds the name of the run to its environment.
 */
import { Duration, Size, Stack } from 'aws-cdk-lib';
import * as batch from 'aws-cdk-lib/aws-batch';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import * as env from '../../contract/env';
import { allow } from '../allow';
import { containerImage } from '../gpu/container-image';
import { containerRole } from '../gpu/container-role';
import { GpuContainer } from '../gpu/gpu-container';
import { type Capacity, GpuEnvironment } from '../gpu/gpu-environment';
import { HOST_CACHE } from '../gpu/host-folders';
import { InstanceRole } from '../gpu/instance-role';
import { instanceSize } from '../gpu/instance-size';
import { InstanceTemplate } from '../gpu/instance-template';
import { JobLog } from '../gpu/job-log';
import { GpuJobQueue } from '../gpu/job-queue';
import { retryStrategies } from '../gpu/retry-strategies';
import type { Network } from '../network';
import type { Settings } from '../settings';
import type { Storage } from '../storage';
import { adapterDevices, adapterInterfaces, numAdapters } from './efa';

export interface TrainingComputeProps {
  /** With `training.enabled`. */
  readonly settings: Settings;
  readonly network: Network;
  readonly storage: Storage;
}

/** In the container, writable: data, latents and checkpoints before they are uploaded. */
const FOLDER = '/mnt/mv2id/training';
/** Batches on their way from the loaders, and NCCL. */
const SHARED_MEMORY = Size.gibibytes(16);
const TMP_SIZE = Size.gibibytes(4);
/** The most that Batch allows: losing a Spot instance is nothing special in a run of days. */
const ATTEMPTS = 10;
/** Of an attempt: what hangs does not cost for ever. */
const TIMEOUT = Duration.days(14);

export class TrainingCompute extends Construct {
  readonly jobQueue: batch.JobQueue;
  readonly jobDefinition: batch.EcsJobDefinition | batch.MultiNodeJobDefinition;
  readonly logGroup: logs.LogGroup;

  constructor(scope: Construct, id: string, { settings, network, storage }: TrainingComputeProps) {
    super(scope, id);
    const { training, gpu, stack_name: stackName } = settings;
    const hasNodes = training.max_nodes > 1;
    const hasAdapters = numAdapters(settings) > 0;

    const securityGroups = [network.securityGroup, ...(hasNodes ? [this.nodeSecurityGroup(network)] : [])];
    const { launchTemplate } = new InstanceTemplate(this, 'Instance', {
      disk: Size.gibibytes(gpu.disk_gib),
      networkInterfaces: hasAdapters ? adapterInterfaces(settings, securityGroups) : undefined,
    });
    const instanceRole = new InstanceRole(this, 'InstanceRole');
    const placementGroup = hasNodes
      ? new ec2.PlacementGroup(this, 'Placement', { strategy: ec2.PlacementGroupStrategy.CLUSTER })
      : undefined;
    const capacities: Capacity[] = hasNodes ? ['on_demand'] : ['spot', 'on_demand'];
    const environments = capacities.map(
      (capacity) =>
        new GpuEnvironment(this, capacity === 'spot' ? 'Spot' : 'OnDemand', {
          capacity,
          instanceTypes: [training.instance_type],
          maxVcpus: training.max_nodes * (instanceSize(training.instance_type)?.vcpus ?? training.vcpus),
          network,
          securityGroups: hasAdapters ? null : securityGroups,
          launchTemplate,
          instanceRole,
          placementGroup,
        }),
    );
    this.jobQueue = new GpuJobQueue(this, 'Queue', {
      name: `${stackName}-training-jobs`,
      environments,
      stuckMinutes: gpu.stuck_minutes,
    });

    this.logGroup = new JobLog(this, 'Log', { settings, key: storage.key });
    const jobRole = containerRole(this, 'JobRole');
    const container = new GpuContainer(this, 'Container', {
      image: containerImage(this, 'Image', { dockerfile: 'training/Dockerfile', image: training.image }),
      gpus: training.gpus_per_node,
      vcpus: training.vcpus,
      memory: Size.gibibytes(training.memory_gib),
      sharedMemory: SHARED_MEMORY,
      tmp: TMP_SIZE,
      jobRole,
      volumes: [batch.EcsVolume.host({ name: 'training', hostPath: HOST_CACHE, containerPath: FOLDER })],
      environment: {
        [env.MODELS_BUCKET]: storage.models.bucketName,
        [env.TRAINING_FOLDER]: FOLDER,
        AWS_REGION: Stack.of(this).region,
        // What PyTorch compiles while it runs is loaded as a program, which nothing in /tmp may be.
        HOME: FOLDER,
        TORCHINDUCTOR_CACHE_DIR: `${FOLDER}/compiled/inductor`,
        TRITON_CACHE_DIR: `${FOLDER}/compiled/triton`,
      },
      logGroup: this.logGroup,
      logPrefix: 'training',
      devices: adapterDevices(settings),
      // What the adapter reads and writes must stay where it is.
      ulimits: hasAdapters ? [{ name: batch.UlimitName.MEMLOCK, softLimit: -1, hardLimit: -1 }] : [],
    });
    const definition: batch.JobDefinitionProps & { readonly propagateTags: boolean } = {
      jobDefinitionName: `${stackName}-training`,
      retryAttempts: ATTEMPTS,
      retryStrategies: retryStrategies(),
      timeout: TIMEOUT,
      propagateTags: true,
      skipDeregisterOnUpdate: true,
    };
    this.jobDefinition = hasNodes
      ? this.nodesDefinition(definition, container, training)
      : new batch.EcsJobDefinition(this, 'Definition', { ...definition, container });

    // What it may do: a run starts from a model and ends as one, and deletes what is its own.
    storage.allowObjects(jobRole, 'models', '*', ['read', 'write']);
    storage.allowObjects(jobRole, 'models', 'training/*', ['delete']);
    allow(
      jobRole,
      ['s3:AbortMultipartUpload'],
      [storage.models.arnForObjects('*')],
      'Objects of one kind, in a bucket of this stack.',
    );
  }

  /** Nodes reach each other on every port, and nobody else reaches them. */
  private nodeSecurityGroup({ vpc }: Network): ec2.SecurityGroup {
    const group = new ec2.SecurityGroup(this, 'Nodes', {
      vpc,
      description: 'Nodes of one training',
      // The network's own group, which every instance has too, lets out what must go out.
      allowAllOutbound: false,
    });
    group.addIngressRule(group, ec2.Port.allTraffic(), 'From node to node');
    group.addEgressRule(group, ec2.Port.allTraffic(), 'From node to node');
    return group;
  }

  private nodesDefinition(
    props: batch.JobDefinitionProps & { readonly propagateTags: boolean },
    container: GpuContainer,
    { max_nodes: maxNodes, instance_type: instanceType }: Settings['training'],
  ): batch.MultiNodeJobDefinition {
    const definition = new batch.MultiNodeJobDefinition(this, 'Definition', {
      ...props,
      instanceType: new ec2.InstanceType(instanceType),
      mainNode: 0,
      containers: [{ startNode: 0, endNode: maxNodes - 1, container }],
    });
    // An open end: a submission may ask for fewer nodes.
    const resource = definition.node.defaultChild as batch.CfnJobDefinition;
    resource.addPropertyOverride('NodeProperties.NodeRangeProperties.0.TargetNodes', '0:');
    return definition;
  }
}
