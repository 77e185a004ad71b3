/** What a job runs with where nobody says otherwise; the command line and the worker decide it alike. */
import { createHash } from 'node:crypto';
import * as env from '../contract/env';
import type { JobId } from '../contract/job';
import type { FloatDType } from './onnx/graph';
import { PROVIDERS, type Provider } from './session';

/** The CPU computes in float32 whatever the checkpoint; GPUs are made for the short types. */
export const DTYPE_OF_PROVIDER: Record<Provider, FloatDType> = {
  cpu: 'float32',
  cuda: 'bfloat16',
  webgpu: 'float16',
};

/** The seed of a job that names none: of its id, so that the same job always gives the same video. 0..2^32-1 */
export function seedOf(id: JobId): number {
  return createHash('sha256').update(id).digest().readUInt32BE(0);
}

/** @throws Error when the variable names no provider; cpu where it is not set. */
export function readProvider(environment: NodeJS.ProcessEnv): Provider {
  const name = environment[env.PROVIDER] || 'cpu';
  const provider = PROVIDERS.find((known) => known === name);
  if (!provider) throw new Error(`${env.PROVIDER} must be one of ${PROVIDERS.join(', ')}, got ${name}.`);
  return provider;
}
