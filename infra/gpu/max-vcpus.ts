/**
 * The limit of a compute environment. AWS Batch counts the vCPUs of instances, not their GPUs, and launches a last instance that
 * passes the limit rather than stay below it. So the limit is what `max_gpus` GPUs have in the type with the fewest vCPUs to a GPU:
 * - types with one GPU each: the instance that reaches the limit is the last, and no more than `max_gpus` GPUs ever run;
 * - a type with several: that last instance may bring GPUs beyond the limit, fewer than one instance has;
 * - types of unequal size: where Batch takes the larger, fewer than `max_gpus` run. One size to a list uses the limit in full.
 */
import { instanceSize } from './instance-size';

export interface GpuLimit {
  readonly maxGpus: number;
  readonly instanceTypes: readonly string[];
  /** Of one job, which has one GPU. */
  readonly jobVcpus: number;
}

/** Never less than the jobs of `maxGpus` GPUs need. */
export function maxVcpus({ maxGpus, instanceTypes, jobVcpus }: GpuLimit): number {
  return maxGpus * Math.max(jobVcpus, Math.floor(Math.min(...instanceTypes.map((type) => vcpusToGpu(type, jobVcpus)))));
}

/** Of a type that is not known only that a job fits: the jobs are limited then, if not the GPUs that idle beside them. */
function vcpusToGpu(instanceType: string, jobVcpus: number): number {
  const size = instanceSize(instanceType);
  return size ? size.vcpus / size.gpus : jobVcpus;
}
