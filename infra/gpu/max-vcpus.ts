/**
 * The limit of a compute environment. AWS Batch counts the vCPUs of instances, not their GPUs, and launches a last instance that
 * passes the limit rather than stay below it. So the limit is what `max_gpus` GPUs have in the type with the fewest vCPUs to a GPU:
 *
 * - types with one GPU each: the instance that reaches the limit is the last, and no more than `max_gpus` GPUs ever run;
 * - a type with several: that last instance may bring GPUs beyond the limit, fewer than it has itself;
 * - types of unequal size: where Batch takes the larger, fewer than `max_gpus` run. A list of one size uses the limit in full.
 */
import { type InstanceSize, instanceSize } from './instance-size';

export interface GpuLimit {
  readonly maxGpus: number;
  readonly instanceTypes: readonly string[];
  /** Of one job, which has one GPU. */
  readonly jobVcpus: number;
}

/** Enough for one instance in any case. */
export function maxVcpus({ maxGpus, instanceTypes, jobVcpus }: GpuLimit): number {
  // Of a type that is not known nothing is known but that a job fits: then jobs are limited, if not the GPUs that idle beside them.
  const unknown: InstanceSize = { vcpus: jobVcpus, gpus: 1 };
  const sizes = instanceTypes.map((type) => instanceSize(type) ?? unknown);
  const vcpusToGpu = Math.min(...sizes.map(({ vcpus, gpus }) => vcpus / gpus));
  const smallest = Math.min(...sizes.map(({ vcpus }) => vcpus));
  return Math.max(maxGpus * jobVcpus, maxGpus * vcpusToGpu, smallest);
}
