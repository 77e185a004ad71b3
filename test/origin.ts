/** Where a test's videos come from. */
import { jobId } from '../contract/keys';
import type { Origin } from '../gpu-worker/provenance/origin';

export const ORIGIN: Origin = {
  jobId: jobId('local', 'ada', new Uint8Array()),
  model: 'random',
  modelSha256: 'a'.repeat(64),
};
