/**
 * Every kind of bad input, as a change to a set and a model directory that are good. The test runs the command on each, and
 * docs/errors.md is the table of what it says.
 */
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { writeRandomModel } from '../random-model';
import { manifest, writeJob } from '../reference-set';

/** Good copies of everything, for one case to spoil. */
export interface Lab {
  /** Folder with job.json, front.png and side.png. */
  readonly set: string;
  readonly model: string;
  readonly out: string;
}

export interface BadInput {
  readonly title: string;
  readonly exitCode: 64 | 70;
  /** Spoils something; returns further arguments of `mv2id generate SET --model MODEL --out OUT`, or others in their place. */
  spoil(lab: Lab): Promise<Spoiled> | Spoiled;
}

export interface Spoiled {
  /** Appended to the usual arguments. */
  readonly more?: readonly string[];
  /** Instead of the usual arguments. */
  readonly args?: readonly string[];
}

export interface Section {
  readonly title: string;
  readonly cases: readonly BadInput[];
}

// biome-ignore lint/suspicious/noExplicitAny: the cases write what the schema forbids
type Loose = any;

function job(title: string, change: (job: Loose) => void): BadInput {
  return {
    title,
    exitCode: 64,
    spoil({ set }) {
      const changed: Loose = manifest();
      change(changed);
      writeJob(set, changed);
      return {};
    },
  };
}

function image(title: string, bytes: () => Promise<Buffer> | Buffer, file = 'side.png'): BadInput {
  return {
    title,
    exitCode: 64,
    async spoil({ set }) {
      writeFileSync(path.join(set, 'side.png'), await bytes());
      if (file !== 'side.png') {
        copyFileSync(path.join(set, 'side.png'), path.join(set, file));
        const changed: Loose = manifest();
        changed.reference_set.images[1].file = file;
        writeJob(set, changed);
      }
      return {};
    },
  };
}

function file(title: string, change: (set: string) => void): BadInput {
  return {
    title,
    exitCode: 64,
    spoil(lab) {
      change(lab.set);
      return {};
    },
  };
}

function model(title: string, change: (model: string) => void): BadInput {
  return {
    title,
    exitCode: 64,
    spoil(lab) {
      change(lab.model);
      return {};
    },
  };
}

function command(title: string, more: readonly string[]): BadInput {
  return { title, exitCode: 64, spoil: () => ({ more }) };
}

/** Another command than generate, on a deployment whose home is the folder of the set. */
function service(title: string, args: (lab: Lab) => readonly string[]): BadInput {
  return { title, exitCode: 64, spoil: (lab) => ({ args: [...args(lab), '--home', lab.set] }) };
}

function editJson(file: string, change: (json: Loose) => void): void {
  const json: Loose = JSON.parse(readFileSync(file, 'utf8'));
  change(json);
  writeFileSync(file, JSON.stringify(json));
}

/** Rewrites the header of a safetensors file, the data as it was. */
function editHeader(file: string, change: (header: Loose) => void): void {
  const bytes = readFileSync(file);
  const end = 8 + Number(bytes.readBigUInt64LE());
  const header: Loose = JSON.parse(bytes.toString('utf8', 8, end));
  change(header);
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(file, Buffer.concat([length, text, bytes.subarray(end)]));
}

/** Cuts a weights file into two shards with an index, of which the second is then left out. */
function shardWithoutItsSecond(dir: string): void {
  const file = path.join(dir, 'diffusion_pytorch_model.safetensors');
  const bytes = readFileSync(file);
  const header: Loose = JSON.parse(bytes.toString('utf8', 8, 8 + Number(bytes.readBigUInt64LE())));
  const names = Object.keys(header);
  const first = 'diffusion_pytorch_model-00001-of-00002.safetensors';
  const second = 'diffusion_pytorch_model-00002-of-00002.safetensors';
  writeFileSync(path.join(dir, first), bytes);
  const weight_map = Object.fromEntries(names.map((name, i) => [name, i < names.length / 2 ? first : second]));
  writeFileSync(path.join(dir, 'diffusion_pytorch_model.safetensors.index.json'), JSON.stringify({ weight_map }));
  rmSync(file);
}

const WEIGHTS = 'diffusion_pytorch_model.safetensors';

/** Two frames of 64 x 64. */
async function animatedWebp(): Promise<Buffer> {
  const frames = ['red', 'white'].map((background) =>
    sharp({ create: { width: 64, height: 64, channels: 3, background } })
      .png()
      .toBuffer(),
  );
  return sharp(await Promise.all(frames), { join: { animated: true } })
    .webp()
    .toBuffer();
}

function solid(width: number, height: number) {
  return sharp({ create: { width, height, channels: 3, background: 'red' } });
}

export const SECTIONS: readonly Section[] = [
  {
    title: 'The reference set',
    cases: [
      {
        title: 'No such folder',
        exitCode: 64,
        spoil: ({ set, model: dir, out }) => ({ args: ['generate', `${set}/none`, '--model', dir, '--out', out] }),
      },
      file('No job.json', (set) => rmSync(path.join(set, 'job.json'))),
      file('job.json cut short', (set) => writeFileSync(path.join(set, 'job.json'), '{"schema_version": 1,')),
      file('job.json not UTF-8', (set) => writeFileSync(path.join(set, 'job.json'), Buffer.from([0x7b, 0xff]))),
      job('Unknown key', (json) => {
        json.input.guidance_scale = 5;
      }),
      job('Unknown schema version', (json) => {
        json.schema_version = 2;
      }),
      job('Zero references', (json) => {
        json.reference_set.images = [];
      }),
      job('Nine references', (json) => {
        json.reference_set.images = Array.from({ length: 9 }, (_, i) => ({ file: `${i}.png` }));
      }),
      job('The same file twice', (json) => {
        json.reference_set.images[1].file = 'front.png';
      }),
      job('A file outside the set', (json) => {
        json.reference_set.images[1].file = '../../etc/passwd.png';
      }),
      job('No consent', (json) => {
        json.reference_set.consent.confirmed = false;
      }),
      job('Width off the grid', (json) => {
        json.input.width = 100;
      }),
      job('Height off the grid', (json) => {
        json.input.height = 57;
      }),
      job('Too large an area', (json) => {
        Object.assign(json.input, { width: 1920, height: 1088 });
      }),
      job('Side beyond its limit', (json) => {
        json.input.width = 4096;
      }),
      job('Frame count off the grid', (json) => {
        json.input.num_frames = 16;
      }),
      job('Too many frames', (json) => {
        json.input.num_frames = 400;
      }),
      job('Several faults at once', (json) => {
        Object.assign(json.input, { prompt: '', steps: 0, fps: '8' });
      }),
    ],
  },
  {
    title: 'Reference images',
    cases: [
      job('Missing file', (json) => {
        json.reference_set.images[1].file = 'none.png';
      }),
      file('A folder in place of a file', (set) => {
        rmSync(path.join(set, 'side.png'));
        mkdirSync(path.join(set, 'side.png'));
      }),
      file('A symbolic link in place of a file', (set) => {
        renameSync(path.join(set, 'side.png'), path.join(set, 'elsewhere.png'));
        symlinkSync('elsewhere.png', path.join(set, 'side.png'));
      }),
      image('Empty file', () => Buffer.alloc(0)),
      image('Text with the name of an image', () => Buffer.from('not an image')),
      image('GIF with the name of a PNG', () => solid(64, 64).gif().toBuffer()),
      image('SVG that refers to another host, with the name of a PNG', () =>
        Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><image href="http://169.254.169.254/"/></svg>'),
      ),
      image('Truncated PNG', async () => (await noisy().png().toBuffer()).subarray(0, 1000)),
      image('Truncated JPEG', async () => (await noisy().jpeg().toBuffer()).subarray(0, 3000), 'side.jpg'),
      image('Truncated WebP', async () => (await noisy().webp().toBuffer()).subarray(0, 1000), 'side.webp'),
      image('Animated image', animatedWebp, 'side.webp'),
      image('One pixel', () => solid(1, 1).png().toBuffer()),
      image('Too small', () => solid(200, 40).png().toBuffer()),
      image('Decompression bomb', () => solid(9000, 9000).png().toBuffer()),
      job('Another sha256 than stated', (json) => {
        json.reference_set.images[1].sha256 = '0'.repeat(64);
      }),
    ],
  },
  {
    title: 'The model directory',
    cases: [
      {
        title: 'No such directory',
        exitCode: 64,
        spoil: ({ set, model: dir, out }) => ({ args: ['generate', set, '--model', `${dir}/none`, '--out', out] }),
      },
      {
        title: 'No --model, and none bundled of that name',
        exitCode: 64,
        spoil: ({ set, out }) => ({ args: ['generate', set, '--out', out] }),
      },
      model('No model_index.json', (dir) => rmSync(path.join(dir, 'model_index.json'))),
      model('A config that is no JSON', (dir) => writeFileSync(path.join(dir, 'vae/config.json'), '{')),
      model('Unknown class', (dir) =>
        editJson(path.join(dir, 'model_index.json'), (json) => {
          json.transformer[1] = 'FluxTransformer2DModel';
        }),
      ),
      model('Unknown scheduler', (dir) =>
        editJson(path.join(dir, 'model_index.json'), (json) => {
          json.scheduler[1] = 'DDIMScheduler';
        }),
      ),
      model('Unsupported scheduler setting', (dir) =>
        editJson(path.join(dir, 'scheduler/scheduler_config.json'), (json) => {
          json.use_karras_sigmas = true;
        }),
      ),
      model('Components that do not fit together', (dir) =>
        editJson(path.join(dir, 'transformer/config.json'), (json) => {
          json.text_dim = 32;
        }),
      ),
      model('No weights', (dir) => rmSync(path.join(dir, 'transformer', WEIGHTS))),
      model('Missing shard', (dir) => shardWithoutItsSecond(path.join(dir, 'transformer'))),
      model('Wrong dtype', (dir) =>
        editHeader(path.join(dir, 'vae', WEIGHTS), (header) => {
          const [tensor]: Loose[] = Object.values(header);
          tensor.dtype = 'I32';
        }),
      ),
      model('Wrong shape', (dir) =>
        editHeader(path.join(dir, 'transformer', WEIGHTS), (header) => {
          header['blocks.1.attn1.to_q.weight'].shape = [12, 48];
        }),
      ),
      model('Missing tensor', (dir) =>
        editHeader(path.join(dir, 'transformer', WEIGHTS), (header) => {
          header['blocks.1.attn1.to_x.weight'] = header['blocks.1.attn1.to_q.weight'];
          delete header['blocks.1.attn1.to_q.weight'];
        }),
      ),
      model('Truncated safetensors header', (dir) => truncateSync(path.join(dir, 'vae', WEIGHTS), 100)),
      model('Truncated safetensors data', (dir) => truncateSync(path.join(dir, 'vae', WEIGHTS), 100_000)),
      model('No tokenizer', (dir) => rmSync(path.join(dir, 'tokenizer/tokenizer.json'))),
      model('Unknown key in reference_conditioning.json', (dir) =>
        editJson(path.join(dir, 'reference_conditioning.json'), (json) => {
          json.ofset = 2;
        }),
      ),
    ],
  },
  {
    title: 'The command line',
    cases: [
      command('Unknown option', ['--fast']),
      command('Seed that is no number', ['--seed', 'seven']),
      command('Too many steps', ['--steps', '1000']),
      command('Unknown provider', ['--provider', 'tpu']),
      command('Provider that does not load on this machine', ['--provider', 'cuda']),
      command('Missing noise file', ['--noise', 'none.npy']),
      {
        title: 'Noise of another shape',
        exitCode: 64,
        spoil({ set, model: dir }) {
          copyFileSync(path.join(dir, 'vae', WEIGHTS), path.join(set, 'noise.safetensors'));
          return { more: ['--noise', path.join(set, 'noise.safetensors')] };
        },
      },
      {
        title: 'Out folder that is a file',
        exitCode: 64,
        spoil: ({ set, model: dir }) => ({ args: ['generate', set, '--model', dir, '--out', `${set}/front.png`] }),
      },
      {
        title: 'Out folder that is a set',
        exitCode: 64,
        spoil: ({ set, model: dir }) => ({ args: ['generate', set, '--model', dir, '--out', set] }),
      },
    ],
  },
  {
    title: 'The commands of the service',
    cases: [
      { title: 'Unknown command', exitCode: 64, spoil: () => ({ args: ['render'] }) },
      {
        title: 'Unknown profile',
        exitCode: 64,
        spoil: () => ({ args: ['status', '--profile', 'prod'] }),
      },
      {
        title: '--home with the profile of another place',
        exitCode: 64,
        spoil: ({ set }) => ({ args: ['status', '--profile', 'prod', '--home', set] }),
      },
      {
        title: 'A home that nobody has served',
        exitCode: 64,
        spoil: ({ set }) => ({ args: ['status', '--home', `${set}/none`] }),
      },
      {
        title: 'A home that is a file',
        exitCode: 64,
        spoil: ({ set }) => ({ args: ['list', '--home', `${set}/front.png`] }),
      },
      service('No job id', () => ['status', 'job-1']),
      service('Unknown job', () => ['status', `job-${'a'.repeat(26)}`]),
      service('Cancel without a job', () => ['cancel']),
      service('Results of an unknown job', ({ out }) => ['results', 'job-abc', '--out', out]),
      service('Unknown state', () => ['list', '--status', 'done']),
      service('List of none', () => ['list', '--limit', '0']),
      service('Submit of no folder', ({ set }) => ['submit', `${set}/none`]),
      service('Tenant that cannot be a name', ({ set }) => ['submit', set, '--tenant', 'Acme/../x']),
      service('Set that cannot be a name', ({ set }) => ['submit', set, '--set', '-']),
      service('Webhook in plain http', ({ set }) => ['submit', set, '--webhook', 'http://example.com/hook']),
      {
        title: 'Submit of a set with a missing image',
        exitCode: 64,
        spoil({ set }) {
          rmSync(path.join(set, 'side.png'));
          return { args: ['submit', set, '--home', set] };
        },
      },
      {
        title: 'Submit of photos without a face',
        exitCode: 64,
        spoil({ set }) {
          const changed: Loose = manifest();
          delete changed.reference_set.accept;
          writeJob(set, changed);
          return { args: ['submit', set, '--home', set] };
        },
      },
      service('Check of a folder without images', ({ model }) => ['check', model]),
      service('Sheet of another format', ({ set }) => ['check', set, '--sheet', 'sheet.gif']),
      service('Serve on no port', () => ['serve', '--port', '70000']),
      service('Serve with no slots', () => ['serve', '--slots', '0']),
    ],
  },
  {
    title: 'The machine',
    cases: [
      {
        title: 'Not enough memory',
        exitCode: 70,
        spoil({ model: dir }) {
          rmSync(dir, { recursive: true });
          writeRandomModel(dir, {
            sparse: true,
            transformer: { num_attention_heads: 80, attention_head_dim: 128, ffn_dim: 40_960, num_layers: 64 },
          });
          return {};
        },
      },
    ],
  },
];

/** A picture that does not compress to nothing. */
function noisy() {
  const pixels = Uint8Array.from({ length: 3 * 128 * 128 }, (_, at) => (at * at) % 251);
  return sharp(pixels, { raw: { width: 128, height: 128, channels: 3 } });
}
