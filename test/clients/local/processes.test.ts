/** What one process cannot show, because it never interrupts itself: several at once. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { type LocalPorts, openLocalPorts } from '../../../clients/local/local-ports';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder';

const REPOSITORY = path.resolve(__dirname, '../../..');
const CONTENDER = path.join(__dirname, 'contender.ts');
const NAMES = ['one', 'two', 'three'];
const ROUNDS = 30;
const MESSAGES = 60;

let temporary: TemporaryFolder;
let home: string;
let ports: LocalPorts;

beforeEach(async () => {
  temporary = temporaryFolder();
  home = path.join(temporary.folder, 'home');
  ports = await openLocalPorts({ type: 'local', home });
});
afterEach(async () => {
  await ports.close();
  temporary.remove();
});

async function contend(name: string): Promise<{ claimed: string[]; taken: string[] }> {
  const args = ['--require', require.resolve('../../../bin/typescript'), CONTENDER, home, name, String(ROUNDS)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: REPOSITORY });
  return JSON.parse(stdout);
}

test('no change is lost, no claim is won twice and no message is taken twice', async () => {
  await ports.buckets.results.put('counter', '0');
  await ports.endpoints.insert({ id: 'counter', version: 1, disabled_at: null, reason: '0' });
  await ports.queues.jobs.send(
    Array.from({ length: MESSAGES }, (_, i) => ({ body: `message ${i}`, group: `${i % 4}` })),
  );

  const results = await Promise.all(NAMES.map(contend));

  expect(Buffer.from((await ports.buckets.results.get('counter'))?.body ?? []).toString()).toBe(
    String(NAMES.length * ROUNDS),
  );
  expect((await ports.endpoints.get('counter'))?.reason).toBe(String(NAMES.length * ROUNDS));
  const claimed = results.flatMap((result) => result.claimed);
  expect(claimed).toHaveLength(ROUNDS);
  expect(new Set(claimed).size).toBe(ROUNDS);
  for (const [i, result] of results.entries()) {
    for (const key of result.claimed) {
      expect(Buffer.from((await ports.buckets.results.get(key))?.body ?? []).toString()).toBe(NAMES[i]);
    }
  }
  const taken = results.flatMap((result) => result.taken);
  expect(taken).toHaveLength(MESSAGES);
  expect(new Set(taken).size).toBe(MESSAGES);
  expect(await ports.queues.jobs.depth()).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
});
