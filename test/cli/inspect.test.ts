import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runCommand } from '../../cli/mv2id';
import { writeRandomModel } from '../random-model';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-inspect-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function inspect(dir: string, ...args: string[]) {
  let stdout = '';
  let stderr = '';
  const exitCode = await runCommand(['model', 'inspect', dir, ...args], {
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
  });
  return { exitCode, stdout, stderr };
}

const VAE_2_1 = {
  base_dim: 96,
  z_dim: 16,
  dim_mult: [1, 2, 4, 4],
  num_res_blocks: 2,
  temperal_downsample: [false, true, true],
  in_channels: 3,
  out_channels: 3,
  patch_size: null,
  latents_mean: Array(16).fill(0),
  latents_std: Array(16).fill(1),
};
const UMT5_XXL = { vocab_size: 256384, d_model: 4096, d_kv: 64, d_ff: 10240, num_layers: 24, num_heads: 64 };

describe.each([
  ['Wan2.1-T2V-1.3B', { num_attention_heads: 12, ffn_dim: 8960, num_layers: 30 }, '1,418,996,800'],
  ['Wan2.1-T2V-14B', { num_attention_heads: 40, ffn_dim: 13824, num_layers: 40 }, '14,288,491,584'],
])('a directory with the real configs of %s', (name, config, parameters) => {
  test('has its published parameter counts, and all its graphs can be emitted', async () => {
    const dir = writeRandomModel(path.join(folder, name), {
      sparse: true,
      transformer: {
        ...config,
        attention_head_dim: 128,
        in_channels: 16,
        out_channels: 16,
        text_dim: 4096,
        freq_dim: 256,
      },
      vae: VAE_2_1,
      textEncoder: UMT5_XXL,
      textLength: 512,
      conditioning: { version: 1, preset: 'phantom' },
    });
    const { exitCode, stdout, stderr } = await inspect(dir);
    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(new RegExp(`WanTransformer3DModel +${parameters} parameters  BF16`));
    expect(stdout).toMatch(/AutoencoderKLWan +126,892,531 parameters/);
    expect(stdout).toMatch(/UMT5EncoderModel +5,680,910,336 parameters/);
    expect(stdout).not.toMatch(/(more|fewer)\)/);
    expect(stdout).toContain('832 x 480, 81 frames, 4 references');
    expect(stdout).toContain('Usable: every graph can be emitted.');
  });
});

describe('a small directory', () => {
  let dir: string;
  beforeAll(() => {
    dir = writeRandomModel(path.join(folder, 'small'));
  });

  function broken(name: string): string {
    const copy = path.join(folder, name);
    cpSync(dir, copy, { recursive: true });
    return copy;
  }

  test('tells what a job of it needs', async () => {
    const { exitCode, stdout } = await inspect(dir);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('references     up to 4, rd-rope, offset 1, timestep zero');
    expect(stdout).toContain('grid           width k x 16, height k x 16, frames k x 4 + 1');
    expect(stdout).toContain('defaults       64 x 64, 5 frames at 8 fps, 2 steps, guidance text 2, image 1.5');
    expect(stdout).toMatch(/memory in float32, 64 x 64, 5 frames, 4 references: about \d+\.\d MB at the peak/);
  });

  test('needs more memory for a larger job, and less in a shorter type', async () => {
    const bytes = async (...args: string[]) => {
      const [, number = '', unit] =
        /denoise +\S+ \S+ weights +([\d.]+) (\w+) values/.exec((await inspect(dir, ...args)).stdout) ?? [];
      return Number(number) * { kB: 1e3, MB: 1e6, GB: 1e9 }[unit as 'kB'];
    };
    const small = await bytes();
    expect(await bytes('--width', '128')).toBeGreaterThan(1.5 * small);
    expect(await bytes('--frames', '81')).toBeGreaterThan(3 * small);
    expect(await bytes('--references', '1')).toBeLessThan(small);
    expect(await bytes('--dtype', 'bfloat16')).toBeLessThan(small);
  });

  test('a size off its grid is refused with the nearest legal one', async () => {
    const { exitCode, stderr } = await inspect(dir, '--width', '70');
    expect(exitCode).toBe(64);
    expect(stderr).toBe(
      'mv2id: input.width must be a multiple of 16 within the limits (nearest legal size: 64 x 64), got 70.\n',
    );
  });

  test('every problem is named at once', async () => {
    const copy = broken('many');
    writeFileSync(path.join(copy, 'vae/diffusion_pytorch_model.safetensors'), 'short');
    rmSync(path.join(copy, 'text_encoder/model.safetensors'));
    rmSync(path.join(copy, 'tokenizer/tokenizer.json'));
    writeFileSync(path.join(copy, 'reference_conditioning.json'), '{"version":1,"preset":"none"}');
    const { exitCode, stdout, stderr } = await inspect(copy);
    expect(exitCode).toBe(64);
    expect(stdout).not.toContain('Usable');
    const lines = stderr.trim().split('\n');
    expect(lines).toHaveLength(4);
    for (const part of [
      'preset must be one of',
      'tokenizer.json must be',
      'safetensors file of at least 8 bytes',
      'text_encoder must hold',
    ]) {
      expect(lines.filter((line) => line.includes(part))).toHaveLength(1);
    }
  });
});
