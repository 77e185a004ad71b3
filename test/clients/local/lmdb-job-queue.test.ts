import path from 'node:path';
import { LmdbJobQueue } from '../../../clients/local/lmdb-job-queue';
import { LmdbStore } from '../../../clients/local/lmdb-store';
import { describeJobQueue, MAX_RECEIVE_COUNT } from '../job-queue.contract';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder';

describeJobQueue('LMDB', async () => {
  const { folder, remove } = temporaryFolder();
  const store = new LmdbStore(path.join(folder, 'store'));
  const otherStore = new LmdbStore(path.join(folder, 'store'));
  let time = Date.UTC(2026, 0, 1);
  const options = { deadLetters: 'dead', maxReceiveCount: MAX_RECEIVE_COUNT, now: () => new Date(time) };
  return {
    queue: new LmdbJobQueue(store, 'queue', options),
    other: new LmdbJobQueue(otherStore, 'queue', options),
    deadLetters: new LmdbJobQueue(otherStore, 'dead', { now: () => new Date(time) }),
    advance: async (seconds) => {
      time += seconds * 1000;
    },
    close: async () => {
      await store.close();
      await otherStore.close();
      remove();
    },
  };
});

describe('LMDB job queue', () => {
  let temporary: TemporaryFolder;
  let store: LmdbStore;
  let time: number;
  let queue: LmdbJobQueue;

  beforeEach(() => {
    temporary = temporaryFolder();
    store = new LmdbStore(path.join(temporary.folder, 'store'));
    time = Date.UTC(2026, 0, 1);
    queue = new LmdbJobQueue(store, 'queue', { now: () => new Date(time) });
  });
  afterEach(async () => {
    await store.close();
    temporary.remove();
  });

  async function take(max = 1): Promise<string[]> {
    return (await queue.receive({ max, visibilitySeconds: 600 })).map(({ body }) => body);
  }

  test('the group with the fewest in flight is next, of those the one served longest ago', async () => {
    const messages = (group: string, count: number) =>
      Array.from({ length: count }, (_, i) => ({ body: `${group}${i}`, group }));
    await queue.send([...messages('a', 6), ...messages('b', 2), ...messages('c', 1)]);
    expect(await take(5)).toEqual(['a0', 'b0', 'c0', 'a1', 'b1']);
    // b has 2 in flight as a has, and nothing to give.
    await queue.send([
      { body: 'd0', group: 'd' },
      { body: 'b2', group: 'b' },
    ]);
    expect(await take(4)).toEqual(['d0', 'a2', 'b2', 'a3']);
  });

  test('a group whose work is done is served again', async () => {
    await queue.send([
      { body: 'a0', group: 'a' },
      { body: 'a1', group: 'a' },
      { body: 'b0', group: 'b' },
      { body: 'b1', group: 'b' },
    ]);
    const [first] = await queue.receive({ max: 1, visibilitySeconds: 600 });
    expect(first?.body).toBe('a0');
    expect(await take()).toEqual(['b0']);
    await queue.delete([first?.receipt ?? '']);
    expect(await take(2)).toEqual(['a1', 'b1']);
  });

  test('a group whose work is done at once lets the others have their turn', async () => {
    const groups = ['a', 'b', 'c'];
    await queue.send(groups.flatMap((group) => [0, 1].map((i) => ({ body: `${group}${i}`, group }))));
    const order: string[] = [];
    for (let i = 0; i < 6; i++) {
      const [message] = await queue.receive({ max: 1, visibilitySeconds: 600 });
      order.push(message?.body ?? '');
      await queue.delete([message?.receipt ?? '']);
    }
    expect(order).toEqual(['a0', 'b0', 'c0', 'a1', 'b1', 'c1']);
  });

  test('who comes too late to keep a message longer does not hide it from others', async () => {
    await queue.send([{ body: 'a' }]);
    const [message] = await queue.receive({ max: 1, visibilitySeconds: 10 });
    time += 10_000;
    await queue.changeVisibility(message?.receipt ?? '', 600);
    expect(await take()).toEqual(['a']);
  });

  test('messages without a group are not those of a group without a name', async () => {
    await queue.send([{ body: 'none' }, { body: 'empty', group: '' }]);
    const messages = await queue.receive({ max: 10, visibilitySeconds: 600 });
    expect(messages.map(({ body, group }) => [body, group]).sort()).toEqual([
      ['empty', ''],
      ['none', null],
    ]);
  });

  test('a group may have a long name', async () => {
    const group = 'x'.repeat(3000);
    await queue.send([{ body: 'a', group }]);
    expect((await queue.receive({ max: 1, visibilitySeconds: 1 }))[0]?.group).toBe(group);
  });

  test('thousands that become visible together all come, and the depth counts them', async () => {
    await queue.send(Array.from({ length: 1200 }, (_, i) => ({ body: String(i), delaySeconds: 900 })));
    expect(await queue.depth()).toEqual({ visible: 0, inFlight: 0, delayed: 1200 });
    time += 900_000;
    const got = new Set<string>();
    for (let round = 0; round < 120; round++) for (const body of await take(10)) got.add(body);
    expect(got.size).toBe(1200);
    expect(await queue.depth()).toEqual({ visible: 0, inFlight: 1200, delayed: 0 });
    time += 600_000;
    expect(await queue.depth()).toEqual({ visible: 1200, inFlight: 0, delayed: 0 });
  });

  test('nothing is left in the store of messages that were deleted', async () => {
    await queue.send([
      { body: 'a', group: 'g' },
      { body: 'b', delaySeconds: 1 },
    ]);
    time += 2000;
    const messages = await queue.receive({ max: 10, visibilitySeconds: 600 });
    await queue.delete(messages.map(({ receipt }) => receipt));
    const left = [...store.database('queues').getKeys()];
    expect(left).toEqual([['queue', 'counts']]);
  });

  test('what is no receipt is refused', async () => {
    await expect(queue.delete(['nonsense'])).rejects.toThrow('receipt must be one that a delivery gave');
  });

  test('who waits when the store is closed gets nothing, and nobody writes afterwards', async () => {
    const waiting = queue.receive({ max: 1, visibilitySeconds: 1, waitSeconds: 20 });
    await store.close();
    expect(await waiting).toEqual([]);
    await expect(queue.send([{ body: 'a' }])).rejects.toThrow('store must be open');
  });

  test('a dead letter keeps its group and its time, and starts anew', async () => {
    const mortal = new LmdbJobQueue(store, 'mortal', {
      deadLetters: 'dead',
      maxReceiveCount: 1,
      now: () => new Date(time),
    });
    const dead = new LmdbJobQueue(store, 'dead', { now: () => new Date(time) });
    await mortal.send([{ body: 'a', group: 'g' }]);
    const [first] = await mortal.receive({ max: 1, visibilitySeconds: 1 });
    time += 1000;
    const waiting = dead.receive({ max: 1, visibilitySeconds: 60, waitSeconds: 20 });
    expect(await mortal.receive({ max: 1, visibilitySeconds: 1 })).toEqual([]);
    expect(await waiting).toMatchObject([{ body: 'a', group: 'g', receiveCount: 1, sentAt: first?.sentAt }]);
    expect(await mortal.depth()).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  });
});
