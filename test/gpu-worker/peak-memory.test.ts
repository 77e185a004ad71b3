import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { peakMemoryBytes } from '../../gpu-worker/peak-memory';

const MODULE = path.resolve(__dirname, '../../gpu-worker/peak-memory');

/** What a process of its own says after `before` ran in it. */
function peakOfProcess(before: string): number {
  const script = `require('./bin/typescript');\n${before}\nconsole.log(require(${JSON.stringify(MODULE)}).peakMemoryBytes());`;
  return Number(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }));
}

test('memory that was used counts, and still does when it is free again', () => {
  const bytes = 200e6;
  const used = peakOfProcess(`let block = Buffer.alloc(${bytes}, 1); block = undefined; globalThis.gc?.();`);
  expect(used - peakOfProcess('')).toBeGreaterThan(0.8 * bytes);
});

test('the size of the process that started it does not', () => {
  const block = Buffer.alloc(600e6, 1);
  const child = peakOfProcess('');
  expect(peakMemoryBytes()).toBeGreaterThan(block.length);
  expect(child).toBeLessThan(block.length / 2);
});
