/**
 * The import direction is a lint rule; this test is what keeps the rule alive. It writes one snippet per folder that imports
 * from every other folder, lints them with the repository's own biome.json, and expects a report for exactly the forbidden ones.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Which of our folders a folder may import. A folder may always import itself. */
const MAY_IMPORT: Record<string, string[]> = {
  contract: [],
  clients: ['contract'],
  faces: ['contract'],
  evaluation: ['contract', 'faces'],
  infra: ['contract'],
  lambdas: ['contract', 'clients', 'faces', 'evaluation'],
  'gpu-worker': ['contract', 'clients', 'faces', 'evaluation'],
  local: ['contract', 'clients', 'lambdas'],
  cli: ['contract', 'clients', 'faces', 'evaluation', 'gpu-worker', 'local'],
};
const FOLDERS = Object.keys(MAY_IMPORT);
const TARGETS = [...FOLDERS, 'test', 'bench', 'training'];
const BIOME = path.resolve(__dirname, '../node_modules/@biomejs/biome/bin/biome');

/** File path -> the specifiers it imports, one a line; and file path -> the specifiers that must be reported. */
interface Snippets {
  imports: Record<string, string[]>;
  forbidden: Record<string, string[]>;
}

test('every import against the direction of design is reported, and no other', () => {
  const { imports, forbidden } = snippetsOfEveryDirection();
  expect(reportedImports(imports)).toEqual(forbidden);
});

test('only gpu-worker/session.ts and faces/onnx-model.ts may import the runtime', () => {
  const files = [...FOLDERS.map((folder) => `${folder}/any.ts`), 'gpu-worker/model/session.ts'];
  const allowed = ['gpu-worker/session.ts', 'faces/onnx-model.ts'];
  const imports = Object.fromEntries([...files, ...allowed].map((file) => [file, ['onnxruntime-node']]));
  expect(reportedImports(imports)).toEqual(Object.fromEntries(files.map((file) => [file, ['onnxruntime-node']])));
});

test('the exceptions do not lift the direction of their folders', () => {
  const specifiers = ['../cli/main', '../contract/limits'];
  const imports = { 'gpu-worker/session.ts': specifiers, 'faces/onnx-model.ts': specifiers };
  const forbidden = { 'gpu-worker/session.ts': ['../cli/main'], 'faces/onnx-model.ts': ['../cli/main'] };
  expect(reportedImports(imports)).toEqual(forbidden);
});

test('of the worker, infra/ may import what decides which files of a native package are shipped, and nothing else', () => {
  const rule = '../gpu-worker/image/native-packages';
  const imports = { 'infra/any.ts': [rule, '../gpu-worker/image/build'], 'lambdas/any.ts': [rule] };
  expect(reportedImports(imports)).toEqual({ 'infra/any.ts': ['../gpu-worker/image/build'], 'lambdas/any.ts': [rule] });
});

test('contract/ loads no SDK, and only infra/ loads the CDK', () => {
  const sdks = ['sharp', 'mediabunny', '@napi-rs/webcodecs', '@aws-sdk/client-s3', 'commander'];
  const imports: Record<string, string[]> = { 'contract/a.ts': ['zod', ...sdks] };
  const forbidden: Record<string, string[]> = { 'contract/a.ts': sdks };
  for (const folder of FOLDERS) {
    imports[`${folder}/b.ts`] = ['aws-cdk-lib', 'aws-cdk-lib/aws-s3'];
    if (folder !== 'infra') forbidden[`${folder}/b.ts`] = ['aws-cdk-lib', 'aws-cdk-lib/aws-s3'];
  }
  expect(reportedImports(imports)).toEqual(forbidden);
});

function snippetsOfEveryDirection(): Snippets {
  const imports: Record<string, string[]> = {};
  const forbidden: Record<string, string[]> = {};
  for (const folder of FOLDERS) {
    for (const [file, up] of [
      [`${folder}/any.ts`, '..'],
      [`${folder}/deeper/any.ts`, '../..'],
    ] as const) {
      const specifiers = (target: string) => [`${up}/${target}`, `${up}/${target}/file`, `${up}/${target}/sub/file`];
      const targets = TARGETS.filter((target) => target !== folder);
      imports[file] = ['./neighbour', ...targets.flatMap(specifiers)];
      forbidden[file] = targets.filter((target) => !MAY_IMPORT[folder]?.includes(target)).flatMap(specifiers);
    }
  }
  return { imports, forbidden };
}

/** Lints the snippets in a folder of their own and returns, per file, the specifiers of the reported lines. */
function reportedImports(imports: Record<string, string[]>): Record<string, string[]> {
  const directory = mkdtempSync(path.join(tmpdir(), 'mv2id-imports-'));
  try {
    const config = JSON.parse(readFileSync(path.resolve(__dirname, '../biome.json'), 'utf8'));
    config.vcs.enabled = false; // the snippets are in no repository
    writeFileSync(path.join(directory, 'biome.json'), JSON.stringify(config));
    for (const [file, specifiers] of Object.entries(imports)) {
      mkdirSync(path.dirname(path.join(directory, file)), { recursive: true });
      writeFileSync(path.join(directory, file), specifiers.map((specifier) => `import '${specifier}';\n`).join(''));
    }
    const reported: Record<string, string[]> = {};
    for (const { path: file, start } of lint(directory)) {
      reported[file] ??= [];
      reported[file].push(imports[file]?.[start.line - 1] ?? `line ${start.line}`);
    }
    return reported;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function lint(directory: string): { path: string; start: { line: number } }[] {
  const args = ['lint', '--only=style/noRestrictedImports', '--max-diagnostics=none', '--reporter=json', '.'];
  let stdout: string;
  try {
    stdout = execFileSync(process.execPath, [BIOME, ...args], {
      cwd: directory,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch (error) {
    stdout = (error as { stdout: string }).stdout; // biome exits 1 when it reports something
  }
  const { diagnostics } = JSON.parse(stdout) as {
    diagnostics: { location: { path: string; start: { line: number } } }[];
  };
  // Biome prints them as its threads finish.
  return diagnostics.map(({ location }) => location).sort((a, b) => a.start.line - b.start.line);
}
