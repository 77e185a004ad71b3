/**
 * What `npx cdk synth` makes of it, everything included: bundles, CDK's own validation against CloudFormation, and cdk-nag, any
 * finding of which ends it. Without credentials, in a home without files and, where Linux lets a process have one, in a network
 * without connections.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { STAGE_NAMES } from '../../infra/stage-function';
import { IMAGE, type Resource } from './stack-template';

const ROOT = path.resolve(__dirname, '../..');
const CDK = path.join(ROOT, 'node_modules/aws-cdk/bin/cdk');
const NO_NETWORK = spawnSync('unshare', ['-rn', 'true']).status === 0 ? ['unshare', '-rn'] : [];
/** The one that this machine has the native packages of. */
const ARCHITECTURE = process.arch === 'arm64' ? 'arm64' : 'x86_64';
/** As much as a stack can have. */
const SETTINGS = {
  lambda: { architecture: ARCHITECTURE },
  encryption: 'customer_managed',
  network: { access: 'endpoints' },
  operations: { emails: ['ada@example.com'] },
  training: { enabled: true, image: IMAGE, max_nodes: 2, efa: true },
};
/** A function is this one file, which Lambda fetches before its first call. */
const MAX_BUNDLE_BYTES = 3 * 1024 * 1024;
/** Lambda takes this much of a function and its layers, unpacked. */
const MAX_UNPACKED_BYTES = 250 * 1024 * 1024;

let home: string;
let assembly: string;
let functions: readonly { stage: string; folder: string }[];
let layers: readonly string[];
/** As Lambda unpacks the layers, all into one folder. */
let opt: string;

beforeAll(() => {
  home = mkdtempSync(path.join(tmpdir(), 'mv2id-synth-'));
  assembly = path.join(home, 'assembly');
  const [program = '', ...args] = [
    ...[...NO_NETWORK, process.execPath, CDK, 'synth', '--quiet', '--no-notices'],
    ...['--output', assembly, '--context', `mv2id=${JSON.stringify(SETTINGS)}`],
  ];
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: ROOT,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: home },
  });
  expect({ status, output: status === 0 ? '' : `${stdout}${stderr}` }).toEqual({ status: 0, output: '' });

  const { Resources } = JSON.parse(readFileSync(path.join(assembly, 'mv2id.template.json'), 'utf8'));
  const resources = Object.entries<Resource & { Metadata: Record<string, string> }>(Resources);
  const assetOf = (type: string) =>
    resources
      .filter(([, { Type }]) => Type === type)
      .map(([id, { Metadata }]) => ({ id, folder: path.join(assembly, Metadata['aws:asset:path']!) }));
  functions = assetOf('AWS::Lambda::Function').map(({ id, folder }) => ({
    stage: STAGE_NAMES.find((stage) => id.toLowerCase().startsWith(stage))!,
    folder,
  }));
  layers = assetOf('AWS::Lambda::LayerVersion').map(({ folder }) => folder);
  opt = path.join(home, 'opt');
  for (const layer of layers) cpSync(layer, opt, { recursive: true });
}, 240_000);
afterAll(() => rmSync(home, { recursive: true, force: true }));

test('cdk-nag finds nothing, and CloudFormation would take every resource', () => {
  const report = JSON.parse(readFileSync(path.join(assembly, 'validation-report.json'), 'utf8'));
  // Of those that found something.
  expect(report.pluginReports).toEqual([]);
});

test('each stage is one file, without packages beside it', () => {
  expect(functions.map(({ stage }) => stage).sort()).toEqual([...STAGE_NAMES].sort());
  for (const { folder } of functions) {
    expect(readdirSync(folder)).toEqual(['index.js', 'index.js.map']);
    const bundle = readFileSync(path.join(folder, 'index.js'), 'utf8');
    expect(Buffer.byteLength(bundle)).toBeLessThan(MAX_BUNDLE_BYTES);
    // What only a local deployment opens stays outside.
    expect(bundle).not.toContain('lmdb');
  }
});

test('each file loads with nothing but its layers, and names what it lacks when it is called without a deployment', () => {
  for (const { stage, folder } of functions) {
    const script = `
      const { handler } = require(${JSON.stringify(path.join(folder, 'index.js'))});
      handler({ Records: [] }, {}).catch(({ message }) => console.log(message));
    `;
    const output = execFileSync(process.execPath, ['-e', script], {
      cwd: home,
      encoding: 'utf8',
      env: { NODE_PATH: stage === 'validate' ? path.join(opt, 'nodejs/node_modules') : '' },
    });
    expect({ stage, output }).toEqual({ stage, output: 'MV2ID_DEPLOYMENT must be set, got nothing.\n' });
  }
});

test('the layers decode images, and run the face models', () => {
  const script = `
    const sharp = require('sharp');
    const { InferenceSession } = require('onnxruntime-node');
    const blank = { create: { width: 8, height: 8, channels: 3, background: 'red' } };
    (async () => {
      const png = await sharp(blank).png().toBuffer();
      const sessions = [];
      for (const name of ['blazeface', 'faceres']) sessions.push(await InferenceSession.create(process.argv[1] + '/' + name + '.onnx'));
      console.log(png.length > 8, sessions.map(({ inputNames }) => inputNames.join()).join(' '));
    })();
  `;
  const env = { NODE_PATH: path.join(opt, 'nodejs/node_modules') };
  const args = ['-e', script, path.join(opt, 'faces')];
  expect(execFileSync(process.execPath, args, { cwd: home, encoding: 'utf8', env })).toBe('true image image\n');
});

test('the layers hold what validation loads and nothing else, in a third of the size that Lambda takes', () => {
  expect(readdirSync(path.join(opt, 'faces'))).toEqual(readdirSync(path.join(ROOT, 'models/faces')));
  const names = filesIn(opt);
  expect(names.filter((name) => /darwin|win32|providers_|adm-zip|global-agent/.test(name))).toEqual([]);
  const validate = functions.find(({ stage }) => stage === 'validate')!.folder;
  const bytes = [...layers, validate]
    .flatMap((folder) => filesIn(folder))
    .reduce((sum, file) => sum + statSync(file).size, 0);
  expect(bytes).toBeLessThan(MAX_UNPACKED_BYTES / 3);
});

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}
