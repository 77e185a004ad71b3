import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(__dirname, '../../..');

function compare(args: string[], env: Record<string, string> = {}) {
  const command = [join(ROOT, 'node_modules/tsx/dist/cli.mjs'), join(ROOT, 'training/parity/compare.ts'), ...args];
  const { status, stderr } = spawnSync(process.execPath, command, {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  return { status, stderr: stderr.trim() };
}

test('without the Python packages it says so in one line', () => {
  const { status, stderr } = compare(['models/any'], { MV2ID_PYTHON: '/nowhere/python' });
  expect(status).toBe(64);
  expect(stderr).toMatch(
    /^\/nowhere\/python must have the packages of training\/requirements\.txt.*set MV2ID_PYTHON.*$/,
  );
});

test('an unknown part is named', () => {
  expect(compare(['models/any', '--parts', 'vea'])).toEqual({
    status: 64,
    stderr: '--parts must be of text_encoder, vae, transformer, scheduler, pipeline, got vea.',
  });
});
