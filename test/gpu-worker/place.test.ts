import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readPlace } from '../../gpu-worker/place';

const UNKNOWN = { capacity: null, instanceType: null };
const folder = mkdtempSync(path.join(tmpdir(), 'mv2id-place-'));
const file = path.join(folder, 'instance.json');
const log: unknown[] = [];
const write = (message: string, about?: object) => void log.push({ message, ...about });

afterAll(() => rmSync(folder, { recursive: true }));

test('the file that an instance writes when it starts', async () => {
  const instance = {
    instance_type: 'g6e.2xlarge',
    capacity: 'spot',
    region: 'us-east-1',
    availability_zone: 'us-east-1a',
  };
  writeFileSync(file, JSON.stringify(instance));
  expect(await readPlace(file, write)).toEqual({ capacity: 'spot', instanceType: 'g6e.2xlarge' });
  expect(log).toEqual([]);
});

test.each([
  ['not there', null, /ENOENT/],
  ['no JSON', '{', /JSON/],
  [
    'another thing',
    '{"instance_type":"g6e.2xlarge","capacity":"cheap"}',
    /capacity must be one of "spot", "on_demand", got "cheap"/,
  ],
])('a file that is %s is told in the log and stops nothing', async (_what, text, reason) => {
  log.length = 0;
  const given = text === null ? path.join(folder, 'missing.json') : file;
  if (text !== null) writeFileSync(file, text);
  expect(await readPlace(given, write)).toEqual(UNKNOWN);
  expect(log).toEqual([
    { message: 'The cost of this attempt is not estimated', MV2ID_INSTANCE: expect.stringMatching(reason) },
  ]);
});

test('without a file nothing is known, and nothing is wrong', async () => {
  log.length = 0;
  expect(await readPlace(undefined, write)).toEqual(UNKNOWN);
  expect(log).toEqual([]);
});
