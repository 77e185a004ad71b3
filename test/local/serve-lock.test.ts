import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { runningServe } from '../../clients/local/home';
import { processStart } from '../../clients/local/process-start';
import { HomeIsServed, requireUnserved, takeHome } from '../../local/serve-lock';
import { openStore, temporaryHome } from './home';

const URL = 'http://127.0.0.1:8321';

test('one process at a time, until it gives the home back', async () => {
  const home = temporaryHome();
  const store = openStore(home);
  const giveBack = await takeHome(home, store, URL);
  expect(runningServe(home)).toMatchObject({ pid: process.pid, url: URL });
  await expect(takeHome(home, store, 'http://127.0.0.1:1')).rejects.toThrow(
    `home must be served by one process, got ${home.folder}, which process ${process.pid} serves at ${URL}.`,
  );
  expect(() => requireUnserved(home)).toThrow(HomeIsServed);
  giveBack();
  expect(existsSync(home.serve)).toBe(false);
  (await takeHome(home, store, URL))();
});

test('of two that come at the same time one gets it', async () => {
  const home = temporaryHome();
  const store = openStore(home);
  const results = await Promise.allSettled([takeHome(home, store, URL), takeHome(home, store, URL)]);
  expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
});

test.each([
  ['a process that is no more', JSON.stringify({ pid: 2 ** 22 + 1, process_start: null, url: URL })],
  ['another process under the same number', JSON.stringify({ pid: process.pid, process_start: 'long ago', url: URL })],
  ['nobody at all', 'half a fi'],
])('the file of %s is taken over', async (_, text) => {
  const home = temporaryHome();
  const store = openStore(home);
  mkdirSync(home.folder, { recursive: true });
  writeFileSync(home.serve, text);
  const giveBack = await takeHome(home, store, URL);
  expect(JSON.parse(readFileSync(home.serve, 'utf8'))).toMatchObject({ pid: process.pid });
  giveBack();
});

test('who lost the home to another does not take it away from that one', async () => {
  const home = temporaryHome();
  const giveBack = await takeHome(home, openStore(home), URL);
  const other = JSON.stringify({ pid: process.ppid, process_start: processStart(process.ppid), url: URL });
  writeFileSync(home.serve, other);
  giveBack();
  expect(readFileSync(home.serve, 'utf8')).toBe(other);
});
