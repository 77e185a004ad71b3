/**
 * A mid-size model with random weights, to measure sizes that no bundled model has: the transformer of Wan 2.1 1.3B (heads of 128,
 * its feed-forward ratio) at any width and depth, Wan 2.1's VAE at a third of its width, and a text encoder of one small layer.
 */
import { writeRandomModel } from '../test/random-model';

const HEAD_DIM = 128;
const FEED_FORWARD_RATIO = 8960 / 1536;
const TEXT_DIM = 4096;
const Z_DIM = 16;

/** @param size width x layers: "1536x2". @throws RangeError when it is not of that form. */
export function writeMidSizeModel(dir: string, size: string): string {
  const [, width, layers] = (/^(\d+)x(\d+)$/.exec(size) ?? []).map(Number);
  if (!width || !layers || width % HEAD_DIM !== 0) {
    throw new RangeError(`--random must be width x layers, the width a multiple of ${HEAD_DIM}, got ${size}.`);
  }
  return writeRandomModel(dir, {
    transformer: {
      num_attention_heads: width / HEAD_DIM,
      attention_head_dim: HEAD_DIM,
      in_channels: Z_DIM,
      out_channels: Z_DIM,
      text_dim: TEXT_DIM,
      freq_dim: 256,
      ffn_dim: Math.round(width * FEED_FORWARD_RATIO),
      num_layers: layers,
    },
    vae: {
      base_dim: 32,
      z_dim: Z_DIM,
      dim_mult: [1, 2, 4, 4],
      num_res_blocks: 2,
      temperal_downsample: [false, true, true],
      latents_mean: Array(Z_DIM).fill(0),
      latents_std: Array(Z_DIM).fill(1),
      in_channels: 3,
      out_channels: 3,
      patch_size: null,
    },
    textEncoder: { d_model: TEXT_DIM, d_kv: 64, d_ff: 64, num_heads: 1 },
    textLength: 128,
  });
}
