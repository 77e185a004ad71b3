import { setImmediate as turn } from 'node:timers/promises';
import { inParallel } from '../../clients/in-parallel';

test('every item is worked on, at most so many at the same time', async () => {
  const done: number[] = [];
  let running = 0;
  let most = 0;
  await inParallel(
    Array.from({ length: 20 }, (_, i) => i),
    3,
    async (i) => {
      most = Math.max(most, ++running);
      await turn();
      running--;
      done.push(i);
    },
  );
  expect(done.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i));
  expect(most).toBe(3);
});

test('a task that fails while the next item is waited for is not lost', async () => {
  const begun: number[] = [];
  async function* items() {
    for (let i = 0; i < 5; i++) {
      await turn();
      await turn();
      yield i;
    }
  }
  const failing = inParallel(items(), 8, async (i) => {
    begun.push(i);
    if (i === 1) throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  expect(begun).toEqual([0, 1]);
});

test('those that are under way end before the failure is told', async () => {
  let isOtherDone = false;
  const failing = inParallel([0, 1], 2, async (i) => {
    if (i === 1) throw new Error('no');
    await turn();
    isOtherDone = true;
  });
  await expect(failing).rejects.toThrow('no');
  expect(isOtherDone).toBe(true);
});
