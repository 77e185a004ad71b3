import { createProgress, seconds } from '../../cli/progress';

/** An output that keeps what is written, and a clock that a test moves. */
function record(output: { isTTY?: boolean; columns?: number } = {}) {
  let written = '';
  let time = 0;
  const progress = createProgress({ ...output, write: (text) => (written += text) }, () => time);
  return {
    progress,
    wait: (duration: number) => {
      time += duration;
    },
    written: () => written,
  };
}

test('a terminal gets one line that is rewritten, with seconds a step and what is left', () => {
  const { progress, wait, written } = record({ isTTY: true });
  progress.begin('Denoising');
  wait(3);
  progress.update(2, 8, 'step');
  progress.end();
  expect(written().split('\r\u001b[K')).toEqual([
    '',
    'Denoising ...',
    'Denoising [######------------------] 2/8  1.50 s a step  ETA 9.00 s\n',
  ]);
});

test('bytes have a rate, which counts only what was sent now', () => {
  const { progress, wait, written } = record({ isTTY: true });
  progress.begin('Sending');
  progress.updateBytes(400e6, 1e9, 400e6);
  wait(2);
  progress.updateBytes(600e6, 1e9, 400e6);
  progress.end();
  expect(written().split('\r\u001b[K').slice(2)).toEqual([
    'Sending [##########--------------] 400.0 MB of 1.00 GB',
    'Sending [##############----------] 600.0 MB of 1.00 GB  100.0 MB/s  ETA 4.00 s\n',
  ]);
});

test('a narrow terminal does not wrap', () => {
  const { progress, wait, written } = record({ isTTY: true, columns: 20 });
  progress.begin('Denoising');
  wait(1);
  progress.update(1, 8, 'step');
  expect(written().split('\r\u001b[K').at(-1)).toHaveLength(19);
});

test('a note on a terminal stands above the line that is rewritten', () => {
  const { progress, wait, written } = record({ isTTY: true });
  progress.note('First');
  progress.begin('Decoding');
  wait(1);
  progress.update(1, 2, 'frame');
  progress.note('Stopping');
  progress.end();
  progress.note('Last');
  const bar = 'Decoding [############------------] 1/2  1.00 s a frame  ETA 1.00 s';
  expect(written().split('\r\u001b[K')).toEqual(['First\n', 'Decoding ...', bar, `Stopping\n${bar}\nLast\n`]);
});

test('without a terminal there is a plain line at every tenth', () => {
  const { progress, wait, written } = record();
  progress.begin('Denoising');
  for (let step = 1; step <= 100; step++) {
    wait(0.5);
    progress.update(step, 100, 'step');
  }
  progress.end();
  const lines = written().trimEnd().split('\n');
  expect(lines).toHaveLength(11);
  expect(lines.at(0)).toBe('Denoising ...');
  expect(lines.at(1)).toBe('Denoising 10/100  500 ms a step  ETA 45 s');
  expect(lines.at(-1)).toBe('Denoising 100/100  500 ms a step');
  expect(written()).not.toContain('\r');
});

test.each([
  [0.0123, '12 ms'],
  [1.234, '1.23 s'],
  [12.34, '12 s'],
  [75, '1 min 15 s'],
  [3 * 3600 + 120, '3 h 2 min'],
])('%d seconds read %s', (value, text) => {
  expect(seconds(value)).toBe(text);
});
