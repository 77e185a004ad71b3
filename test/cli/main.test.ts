import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { COMMAND } from './command';

test('a reader that closes the pipe early ends the program without a word', async () => {
  const child = spawn(process.execPath, [COMMAND, 'check', path.join(__dirname, '../../examples/ada')]);
  let stderr = '';
  child.stderr.on('data', (data: Buffer) => {
    stderr += data;
  });
  child.stdout.destroy();
  const [exitCode] = await once(child, 'close');
  expect(stderr).toBe('');
  expect(exitCode).toBe(0);
});
