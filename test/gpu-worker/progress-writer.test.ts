import type { JobProgress } from '../../contract/job';
import { ProgressWriter } from '../../gpu-worker/progress-writer';

function open() {
  const written: JobProgress[] = [];
  let nowMs = 0;
  let finish = () => {};
  const writer = new ProgressWriter({
    intervalSeconds: 2,
    now: () => new Date(nowMs),
    write(progress) {
      written.push(progress);
      return new Promise((resolve) => {
        finish = resolve;
      });
    },
  });
  const at = (seconds: number) => {
    nowMs = seconds * 1000;
  };
  const done = async () => {
    finish();
    await new Promise(setImmediate);
  };
  return { writer, written, at, done };
}

test('at most one write every two seconds, with percent and the time that is left', async () => {
  const { writer, written, at, done } = open();
  for (let step = 1; step <= 10; step++) {
    at(step);
    writer.onEvent({ type: 'step', step, totalSteps: 10 });
    await done();
  }
  expect(written).toEqual([
    { percent: 9, step: 1, total_steps: 10, eta_seconds: null },
    { percent: 27, step: 3, total_steps: 10, eta_seconds: 8.1 },
    { percent: 45, step: 5, total_steps: 10, eta_seconds: 6.1 },
    { percent: 63, step: 7, total_steps: 10, eta_seconds: 4.1 },
    { percent: 81, step: 9, total_steps: 10, eta_seconds: 2.1 },
  ]);
});

test('a write that takes long is not joined by another', async () => {
  const { writer, written, at, done } = open();
  writer.onEvent({ type: 'step', step: 1, totalSteps: 4 });
  at(5);
  writer.onEvent({ type: 'step', step: 2, totalSteps: 4 });
  expect(written).toHaveLength(1);
  await done();
  writer.onEvent({ type: 'step', step: 3, totalSteps: 4 });
  expect(written.map(({ step }) => step)).toEqual([1, 3]);
});

test('decoding is the last tenth, at the last step', async () => {
  const { writer, written, at, done } = open();
  writer.onEvent({ type: 'step', step: 4, totalSteps: 4 });
  await done();
  at(2);
  writer.onEvent({ type: 'frames', frames: 5, totalFrames: 10 });
  expect(written.at(-1)).toEqual({ percent: 95, step: 4, total_steps: 4, eta_seconds: 2 });
});

test('the rate is that of this attempt, not of the one before', async () => {
  const { writer, written, at, done } = open();
  at(100);
  writer.onEvent({ type: 'step', step: 8, totalSteps: 10 });
  await done();
  at(110);
  writer.onEvent({ type: 'step', step: 9, totalSteps: 10 });
  expect(written.at(-1)).toMatchObject({ percent: 81, eta_seconds: 21.1 });
});
