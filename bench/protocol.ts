/**
 * What the benchmark says to an engine, and what an engine answers: one JSON object a line, over stdin and stdout. Two engines speak
 * it, engine.ts (ours) and peer.py (diffusers), so that one program drives both and rounds alternate.
 */
import type { ReferenceConditioning } from '../gpu-worker/model/reference-conditioning';
import type { Plan } from '../gpu-worker/plan';

/** The first line an engine gets. Sizes follow from the plan; names are those of training/parity/compare.py. */
export interface Setup {
  readonly command: 'setup';
  readonly model_dir: string;
  readonly threads: number;
  readonly plan: Plan;
  readonly prompt: string;
  readonly negative_prompt: string;
  /** [C, T, h, w] */
  readonly latent_shape: readonly number[];
  readonly text_length: number;
  readonly text_dim: number;
  readonly boundary_ratio: number | null;
  /** With presets filled in. */
  readonly conditioning: ReferenceConditioning;
}

/**
 * load      from files to networks that are ready to run; what was loaded before is dropped first, unmeasured
 * step      one transformer run with all references
 * decode    one clip through the VAE decoder
 * generate  prompt, references, denoising and decoding, from nothing loaded
 * matmul    one product of two [MATMUL_SIZE, MATMUL_SIZE] float32 matrices
 * peak      bytes of the process at its largest so far
 */
export type Command = 'load' | 'step' | 'decode' | 'generate' | 'matmul' | 'peak';

export interface Answer {
  /** Of the work alone, measured where it is done. */
  readonly seconds?: number;
  /** Mean absolute value of the result: equal on both sides, or they did not do the same work. */
  readonly magnitude?: number;
  readonly bytes?: number;
  /** What it runs on, in answer to the setup: "diffusers 0.40.0, torch 2.13.0". */
  readonly version?: string;
}

export const MATMUL_SIZE = 2048;
/** Of the measured step, 0..1000. */
export const TIMESTEP = 637;
