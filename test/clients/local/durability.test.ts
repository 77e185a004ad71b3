/** Writers that are killed at any moment: what they acknowledged is there, and nothing is there by half. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import type { JobQueue } from '../../../clients/job-queue';
import { type LocalPorts, openLocalPorts } from '../../../clients/local/local-ports';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder';

const REPOSITORY = path.resolve(__dirname, '../../..');
const WRITER = path.join(__dirname, 'crash-writer.ts');
const ROUNDS = 10;
const SEED = 20261123;

interface Acknowledged {
  readonly objects: Set<string>;
  readonly records: Set<string>;
  readonly sent: Set<string>;
  readonly handedOn: Set<string>;
  count: number;
}

let temporary: TemporaryFolder;
beforeEach(() => {
  temporary = temporaryFolder();
});
afterEach(() => temporary.remove());

test(`after ${ROUNDS} kills nothing acknowledged is lost and nothing is there by half`, async () => {
  const home = path.join(temporary.folder, 'home');
  const acknowledged: Acknowledged = {
    objects: new Set(),
    records: new Set(),
    sent: new Set(),
    handedOn: new Set(),
    count: 0,
  };
  const random = mulberry32(SEED);
  for (let round = 0; round < ROUNDS; round++) {
    // Two writers in every other round: the one that is left must not wait for the lock of the one that was killed.
    const writers = round % 2 === 0 ? 1 : 2;
    await Promise.all(
      Array.from({ length: writers }, (_, i) => {
        const lines = 5 + Math.floor(random() * 60);
        return writeUntilKilled(home, `${round}.${i}`, lines, random() * 8, acknowledged);
      }),
    );
  }
  const ports = await openLocalPorts({ type: 'local', home });
  try {
    await expectObjects(ports, acknowledged);
    await expectRecords(ports, acknowledged);
    await expectMessages(ports, acknowledged);
  } finally {
    await ports.close();
  }
});

async function expectObjects(ports: LocalPorts, { objects }: Acknowledged): Promise<void> {
  const found = new Set<string>();
  for await (const { key } of ports.buckets.results.list('')) {
    const text = Buffer.from((await ports.buckets.results.get(key))?.body ?? []).toString();
    if (key === 'shared') expect(text).toMatch(/^(\d)\1{99999,}$/);
    else expect(text === key.repeat(500)).toBe(true);
    found.add(key);
  }
  expect([...objects].filter((key) => !found.has(key))).toEqual([]);
  expect(objects.size).toBeGreaterThan(ROUNDS);
}

async function expectRecords(ports: LocalPorts, { records, count }: Acknowledged): Promise<void> {
  for (const id of records) expect(await ports.endpoints.get(id)).toMatchObject({ id, version: 1 });
  const counter = await ports.endpoints.get('counter');
  // Every version counted once, whoever was killed between two of them.
  expect(Number(counter?.reason)).toBe((counter?.version ?? 0) - 1);
  expect(Number(counter?.reason)).toBeGreaterThanOrEqual(count);
  expect(count).toBeGreaterThan(ROUNDS);
}

async function expectMessages(ports: LocalPorts, { sent, handedOn }: Acknowledged): Promise<void> {
  const later = new Date(Date.now() + 3600_000);
  const future = await openLocalPorts({ type: 'local', home: ports.home.folder }, { now: () => later });
  const depth = await future.queues.jobs.depth();
  expect(depth).toMatchObject({ inFlight: 0, delayed: 0 });
  const left = [...(await drain(future.queues.jobs)), ...(await drain(future.deadLetters.jobs))];
  const moved = await drain(future.queues.intake);
  await future.close();
  const all = new Set([...left, ...moved]);
  expect([...sent].filter((body) => !all.has(body))).toEqual([]);
  // Deleted is deleted, and only what was sent on is gone.
  expect(left.filter((body) => handedOn.has(body))).toEqual([]);
  expect([...handedOn].filter((body) => !moved.includes(body))).toEqual([]);
  expect(new Set(left).size).toBe(left.length);
  expect(sent.size).toBeGreaterThan(ROUNDS);
  expect(handedOn.size).toBeGreaterThan(0);
}

async function drain(queue: JobQueue): Promise<string[]> {
  const bodies: string[] = [];
  for (;;) {
    const messages = await queue.receive({ max: 10, visibilitySeconds: 43_200 });
    if (messages.length === 0) return bodies;
    bodies.push(...messages.map(({ body }) => body));
  }
}

/** Kills the writer some milliseconds after it has acknowledged so many writes. */
function writeUntilKilled(
  home: string,
  round: string,
  lines: number,
  delayMs: number,
  acknowledged: Acknowledged,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      ['--require', require.resolve('../../../bin/typescript'), WRITER, home, round],
      {
        cwd: REPOSITORY,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let output = '';
    let errors = '';
    let isCondemned = false;
    child.stderr.on('data', (data: Buffer) => {
      errors += data;
    });
    child.stdout.on('data', (data: Buffer) => {
      output += data;
      if (isCondemned || output.split('\n').length <= lines) return;
      isCondemned = true;
      setTimeout(() => child.kill('SIGKILL'), delayMs);
    });
    child.on('close', (code, signal) => {
      if (signal !== 'SIGKILL')
        reject(new Error(`the writer must run until it is killed, ended with ${code}: ${errors}`));
      // The last line may be cut off by the kill: that write was not acknowledged.
      for (const line of output.split('\n').slice(0, -1)) note(JSON.parse(line), acknowledged);
      resolve();
    });
  });
}

function note(line: Record<string, string | number>, acknowledged: Acknowledged): void {
  const { object, record, sent, handedOn, count } = line;
  if (typeof object === 'string') acknowledged.objects.add(object);
  if (typeof record === 'string') acknowledged.records.add(record);
  if (typeof sent === 'string') acknowledged.sent.add(sent);
  if (typeof handedOn === 'string') acknowledged.handedOn.add(handedOn);
  if (typeof count === 'number') acknowledged.count = Math.max(acknowledged.count, count);
}

/** Source: Tommy Ettinger, Mulberry32, public domain. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
