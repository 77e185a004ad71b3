/**
 * What bad input gets: one clear line an error, the exit code, and nothing written. The lines are compared with docs/errors.md;
 * `UPDATE_DOCS=1 npx jest test/cli/bad-input` rewrites that table, to be read before it is committed.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runCommand } from '../../cli/mv2id';
import { FACE_MODELS } from '../../contract/env';
import { writeRandomModel } from '../random-model';
import { writeReferenceSet } from '../reference-set';
import { type BadInput, type Lab, SECTIONS } from './bad-input-cases';

const DOCUMENT = path.resolve(__dirname, '../../docs/errors.md');

const INTRODUCTION = `# What bad input gets

One line on stderr for each thing that is wrong, naming the field or the file; exit code 64 where the input is at fault (the same
call fails again), 70 where the machine or the program is, 130 after Ctrl-C. Nothing is left in the out folder. A stack trace is
printed only with \`MV2ID_DEBUG=1\`.

The commands of the service say the same of a set before they send anything; what only the service can find out stands in the
\`error\` of the job object, in the same words ([job.md](job.md)). What may be wrong with the faces in the photos (\`invalid_reference_set\`),
and how it is overruled: [reference-check.md](reference-check.md).

SET, MODEL and OUT stand for the folders of the call \`mv2id generate SET --model MODEL --out OUT\`. This page is written by
\`test/cli/bad-input.test.ts\`, which runs every row.
`;

const homeOfUser = process.env.HOME;
let folder: string;
let good: Lab;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-bad-'));
  good = { set: path.join(folder, 'set'), model: path.join(folder, 'model'), out: path.join(folder, 'out') };
  await writeReferenceSet(good.set);
  writeRandomModel(good.model);
  // Where somebody's own profiles may lie.
  process.env.HOME = folder;
});
afterAll(() => {
  process.env.HOME = homeOfUser;
  rmSync(folder, { recursive: true });
});

test('the good set of these cases is good', async () => {
  const { exitCode, stderr, lab } = await run({ title: 'none', exitCode: 64, spoil: () => ({}) });
  expect(stderr).not.toContain('mv2id:');
  expect(exitCode).toBe(0);
  expect(readdirSync(lab.out).sort()).toEqual(['job.json', 'poster.jpg', 'references', 'video.mp4']);
});

test('faces that cannot be looked at are a note, where the model needs nobody to look', async () => {
  process.env[FACE_MODELS] = path.join(folder, 'no-models');
  try {
    const { exitCode, stderr, lab } = await run({ title: 'none', exitCode: 64, spoil: () => ({}) });
    expect(stderr).toMatch(/^Note: The faces are not checked: detector\.path must be a readable \.onnx file, got /m);
    expect(exitCode).toBe(0);
    expect(readdirSync(lab.out)).toContain('video.mp4');
  } finally {
    delete process.env[FACE_MODELS];
  }
});

const rows = new Map<BadInput, string[]>();

describe.each(SECTIONS.map((section) => [section.title, section.cases] as const))('%s', (_title, cases) => {
  test.each(cases.map((item) => [item.title, item] as const))('%s', async (_name, item) => {
    const { exitCode, stdout, stderr, lab } = await run(item);
    const lines = stderr.split('\n').filter((line) => line.startsWith('mv2id: '));
    rows.set(item, lines);
    expect(lines.length).toBeGreaterThan(0);
    expect(exitCode).toBe(item.exitCode);
    expect(stdout).toBe('');
    expect(stderr).not.toMatch(/^ +at .*:\d+:\d+/m); // a stack trace
    expect(lines.join()).not.toMatch(/Internal error|undefined|\[object/);
    expect(existsSync(lab.out)).toBe(false);
  });
});

test('docs/errors.md says what the command says', () => {
  const tables = SECTIONS.map(({ title, cases }) => {
    const body = cases.map((item) => {
      const messages = (rows.get(item) ?? []).map((line) => `\`${line.replaceAll('|', '\\|')}\``);
      return `| ${item.title} | ${messages.join('<br>')} | ${item.exitCode} |`;
    });
    return [`## ${title}`, '', '| Input | Message | Exit code |', '| --- | --- | --- |', ...body].join('\n');
  });
  const text = `${[INTRODUCTION.trimEnd(), ...tables].join('\n\n')}\n`;
  if (process.env.UPDATE_DOCS) {
    mkdirSync(path.dirname(DOCUMENT), { recursive: true });
    writeFileSync(DOCUMENT, text);
  }
  expect(readFileSync(DOCUMENT, 'utf8')).toBe(text);
});

async function run(item: BadInput) {
  const home = mkdtempSync(path.join(folder, 'case-'));
  const lab: Lab = { set: path.join(home, 'set'), model: path.join(home, 'model'), out: path.join(home, 'out') };
  cpSync(good.set, lab.set, { recursive: true });
  cpSync(good.model, lab.model, { recursive: true });
  const { more = [], args = ['generate', lab.set, '--model', lab.model, '--out', lab.out] } = await item.spoil(lab);
  let stdout = '';
  let stderr = '';
  const exitCode = await runCommand([...args, ...more], {
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
  });
  const named = stderr
    .replaceAll(lab.set, 'SET')
    .replaceAll(lab.model, 'MODEL')
    .replaceAll(lab.out, 'OUT')
    // An estimate, what this machine has, and where its library was built: these differ elsewhere or change with the engine.
    .replaceAll(/[\d.]+ [kMG]B (available|for this model)/g, 'N GB $1')
    .replaceAll(/(got cuda: ).*/g, '$1...');
  return { exitCode, stdout, stderr: named, lab };
}
