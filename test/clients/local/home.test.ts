import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { localHome, runningServe } from '../../../clients/local/home';
import { processStart } from '../../../clients/local/process-start';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder';

/** Larger than any process id that Linux gives. */
const NOBODY = 2 ** 30;

let temporary: TemporaryFolder;
beforeEach(() => {
  temporary = temporaryFolder();
});
afterEach(() => temporary.remove());

test('everything of a home lies inside it', () => {
  const home = localHome('some/home');
  expect(home.folder).toBe(path.resolve('some/home'));
  expect(path.relative(home.folder, home.bucket('uploads'))).toBe('buckets/uploads');
  expect(path.relative(home.folder, home.store)).toBe('store');
  expect(path.relative(home.folder, home.log('abc', 2))).toBe('logs/abc-2.log');
  expect(path.relative(home.folder, home.serve)).toBe('serve.json');
});

test('a serve that runs is found, and none after one that was killed', () => {
  const home = localHome(temporary.folder);
  expect(runningServe(home)).toBeNull();
  mkdirSync(home.folder, { recursive: true });
  const running = { pid: process.pid, process_start: processStart(process.pid), url: 'http://127.0.0.1:8080' };
  for (const serve of [running, { ...running, process_start: null }]) {
    writeFileSync(home.serve, JSON.stringify(serve));
    expect(runningServe(home)).toEqual(serve);
  }
  const gone = { ...running, process_start: null, pid: NOBODY };
  const sameNumber = { ...running, process_start: 'another start' };
  for (const content of [JSON.stringify(gone), JSON.stringify(sameNumber), '{"pid":', '{}']) {
    writeFileSync(home.serve, content);
    expect(runningServe(home)).toBeNull();
  }
});
