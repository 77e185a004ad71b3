import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CHECK_NAMES, type CheckResult, type StartCheckOptions, startCheck } from '../../gpu-worker/start-check';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-check-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function check(changes: Partial<StartCheckOptions> = {}): Promise<Map<string, CheckResult>> {
  const options = {
    provider: 'cpu',
    modelCache: undefined,
    instanceFile: undefined,
    workRoot: folder,
    ...changes,
  } as const;
  const results = new Map<string, CheckResult>();
  for await (const result of startCheck(options)) results.set(result.check, result);
  return results;
}

const failed = (results: Map<string, CheckResult>) => [...results.values()].filter(({ ok }) => !ok);

test('a machine that can do the work passes every check, and nothing is left behind', async () => {
  const instanceFile = path.join(folder, 'instance.json');
  writeFileSync(instanceFile, '{"instance_type": "g6e.2xlarge", "capacity": "spot", "region": "eu-west-1"}');
  const results = await check({ modelCache: path.join(folder, 'cache'), instanceFile });
  expect([...results.keys()]).toEqual(CHECK_NAMES);
  expect(failed(results)).toEqual([]);
  expect(results.get('instance')).toMatchObject({ instance: { instance_type: 'g6e.2xlarge', capacity: 'spot' } });
  expect(results.get('cache')).toMatchObject({ free_gb: expect.any(Number) });
  expect(readdirSync(folder, { recursive: true }).sort()).toEqual(['cache', 'instance.json']);
});

test('each failure is one line, and the rest is checked all the same', async () => {
  const file = path.join(folder, 'file');
  writeFileSync(file, 'no folder');
  const results = await check({ modelCache: path.join(file, 'cache'), instanceFile: path.join(folder, 'nowhere') });
  expect(failed(results)).toEqual([
    {
      check: 'cache',
      ok: false,
      error: `MV2ID_MODEL_CACHE must be a folder that user ${process.getuid?.()}:${process.getgid?.()} can write to, got ENOTDIR for ${file}/cache.`,
    },
    { check: 'instance', ok: false, error: expect.stringMatching(/ENOENT: .*nowhere'\.$/) },
  ]);
  expect(results.size).toBe(CHECK_NAMES.length);
});

test('a folder for temporary files that cannot be written to fails what needs it', async () => {
  const file = path.join(folder, 'file');
  writeFileSync(file, 'no folder');
  const results = await check({ workRoot: file });
  expect(failed(results).map(({ check: name }) => name)).toEqual(['video', 'work']);
});

test('only what is asked for is checked', async () => {
  const options = { provider: 'cpu', modelCache: undefined, instanceFile: undefined, workRoot: folder } as const;
  const results: CheckResult[] = [];
  for await (const result of startCheck(options, ['images'])) results.push(result);
  expect(results).toEqual([{ check: 'images', ok: true, png_bytes: expect.any(Number) }]);
});
