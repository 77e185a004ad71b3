/** The job that both engines get: the model's own defaults unless a size is given. */
import { parseManifest } from '../contract/manifest';
import type { OpenModel } from '../gpu-worker/model/open-model';
import { planGeneration } from '../gpu-worker/plan';
import type { Setup } from './protocol';

export type Size = Partial<Record<'width' | 'height' | 'num_frames', number>>;

const PROMPT = 'A head turns to the left.';
/** Three views are what the bundled example has. */
const NUM_REFERENCES = 3;
/** Peak memory does not grow with them. */
const GENERATION_STEPS = 2;

/** @throws JobRejected when the size is off the model's grid. */
export function setupOf(model: OpenModel, size: Size, threads: number): Setup {
  const { directory, conditioning } = model;
  const input = { prompt: PROMPT, ...size, steps: GENERATION_STEPS };
  const images = Array.from({ length: NUM_REFERENCES }, (_, i) => ({ file: `${i}.png` })).slice(
    0,
    Math.max(1, conditioning.max_references),
  );
  const consent = { confirmed: true, reference: 'random pixels' };
  const reference_set = { subject: 'random pixels', consent, images };
  const job = { schema_version: 1, model: 'bench', input, reference_set };
  const plan = planGeneration(model, parseManifest(Buffer.from(JSON.stringify(job))), 0);
  return {
    command: 'setup',
    model_dir: directory.dir,
    threads,
    plan,
    prompt: PROMPT,
    negative_prompt: plan.input.negative_prompt,
    latent_shape: [directory.vae.z_dim, plan.numLatentFrames, plan.latentHeight, plan.latentWidth],
    text_length: directory.textLength,
    text_dim: directory.transformer.text_dim,
    boundary_ratio: directory.boundaryRatio ?? null,
    conditioning,
  };
}
