/** docs/scale.md says what the model says. The largest days take long: `npm run bench:scale` prints them too. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { daysTable, defaultsTable, fairnessTable, limitsTable } from '../../../bench/scale';
import { limitsOf } from '../../../bench/scale/limits';
import { PAPER, PAPER_VALUES } from '../../../bench/scale/paper-values';
import { settingsFor } from '../../../bench/scale/simulate';
import { parseSettings, SettingsSchema } from '../../../infra/settings';

const DOCUMENT = readFileSync(path.resolve(__dirname, '../../../docs/scale.md'), 'utf8');

test.each([
  ['limits', () => limitsTable()],
  ['with nothing set', () => defaultsTable()],
  ['fairness', () => fairnessTable()],
  ['days up to 10,000 jobs', () => daysTable([100, 1000, 10_000])],
])('%s', (_what, table) => {
  expect(DOCUMENT).toContain(table());
});

test('the days of 100,000 and of a million jobs are there', () => {
  expect(DOCUMENT.match(/^\| (100,000|1,000,000) \|/gm)).toHaveLength(4);
});

test('every value from outside says what it is and where it is from', () => {
  for (const { unit, kind, source } of Object.values(PAPER_VALUES)) {
    expect(['published', 'measured', 'remembered', 'assumed']).toContain(kind);
    expect(unit.length > 0 && source.length > 0).toBe(true);
  }
  expect(DOCUMENT).toContain(`${PAPER.work_seconds} s of work`);
});

test('the settings that a limit names exist, and lift it', () => {
  const limits = limitsOf(parseSettings({}));
  for (const stage of ['validate', 'submit', 'track', 'notify'] as const) {
    const concurrency = { [stage]: 1000 };
    const lifted = limitsOf(parseSettings({ lambda: { concurrency } }));
    const full = (of: typeof limits) => of.find(({ lift }) => lift.includes(`lambda.concurrency.${stage}`))!.full;
    expect(full(lifted)).toBeGreaterThan(10 * full(limits));
  }
  const gpus = (max_gpus: number) =>
    limitsOf(parseSettings({ gpu: { max_gpus } })).find(({ lift }) => lift.includes('gpu.max_gpus'))!;
  expect(gpus(40).full / gpus(4).full).toBeCloseTo(10, 6);
});

test('the settings that a load asks for are legal up to the largest number of GPUs', () => {
  const settings = settingsFor(80_000, parseSettings({}));
  expect(settings.gpu.max_gpus).toBeGreaterThan(900);
  expect(SettingsSchema.safeParse(settings).success).toBe(true);
});
