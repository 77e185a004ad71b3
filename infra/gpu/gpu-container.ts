/**
 * A container on an instance with GPUs: no rights on the host, nothing that it could change in its image, and memory in place of a
 * disk for what must not stay. AWS Batch has no way to drop Linux capabilities or to forbid new privileges: a user who has none
 * stands for both.
 */
import type { Size } from 'aws-cdk-lib';
import * as batch from 'aws-cdk-lib/aws-batch';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as logs from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { acknowledge } from '../acknowledge';
import { containerRole } from './container-role';

export interface GpuContainerProps {
  readonly image: ecs.ContainerImage;
  readonly gpus: number;
  readonly vcpus: number;
  readonly memory: Size;
  /** Of /dev/shm. */
  readonly sharedMemory: Size;
  /** The most that may lie in /tmp. Only what lies there counts, towards `memory`. */
  readonly tmp: Size;
  readonly jobRole: iam.IRole;
  readonly volumes: batch.EcsVolume[];
  readonly environment: Record<string, string>;
  /** By the variables that they become. */
  readonly secrets?: Record<string, batch.Secret>;
  readonly logGroup: logs.ILogGroup;
  readonly logPrefix: string;
  readonly devices?: readonly batch.Device[];
  readonly ulimits?: batch.Ulimit[];
}

/** Owns the cache on the host: see instance-start.sh. */
const USER = '1000:1000';

export class GpuContainer extends batch.EcsEc2ContainerDefinition {
  constructor(scope: Construct, id: string, props: GpuContainerProps) {
    const executionRole = containerRole(scope, 'ExecutionRole');
    super(scope, id, {
      image: props.image,
      gpu: props.gpus,
      cpu: props.vcpus,
      memory: props.memory,
      executionRole,
      jobRole: props.jobRole,
      user: USER,
      privileged: false,
      readonlyRootFilesystem: true,
      linuxParameters: linuxParameters(scope, props),
      volumes: props.volumes,
      environment: props.environment,
      secrets: props.secrets,
      ulimits: props.ulimits,
      logging: ecs.LogDriver.awsLogs({
        logGroup: props.logGroup,
        streamPrefix: props.logPrefix,
        // A job never waits for its log.
        mode: ecs.AwsLogDriverMode.NON_BLOCKING,
      }),
    });
    acknowledge(executionRole, 'IAM5[Resource::*]', 'ecr:GetAuthorizationToken knows no resources.');
  }
}

function linuxParameters(scope: Construct, { sharedMemory, tmp, devices = [] }: GpuContainerProps) {
  const parameters = new batch.LinuxParameters(scope, 'LinuxParameters', {
    // Hands signals on and buries what a process leaves behind.
    initProcessEnabled: true,
    sharedMemorySize: sharedMemory,
  });
  const { RW, NOSUID, NODEV, NOEXEC } = batch.TmpfsMountOption;
  parameters.addTmpfs({ containerPath: '/tmp', size: tmp, mountOptions: [RW, NOSUID, NODEV, NOEXEC] });
  parameters.addDevices(...devices);
  return parameters;
}
