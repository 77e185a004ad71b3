/**
 * The service under 100 to 1,000,000 jobs a day, on paper: which limit bites first and what lifts it, and one simulated day each with
 * the settings that the load asks for. Values from outside stand in scale/paper-values.ts; the same seed gives the same table.
 *
 *   npm run bench:scale
 */
import { parseSettings } from '../infra/settings';
import { MANY, ONE_HUGE, type Tenants } from './scale/demand';
import { type Limit, limitsOf } from './scale/limits';
import { type DayFigures, type Quantiles, settingsFor, simulateDay } from './scale/simulate';

const LOADS = [100, 1000, 10_000, 100_000, 1_000_000];
const DEFAULT_LOADS = [100, 500, 1000, 2000];
const FAIRNESS_LOAD = 10_000;

/** The tables of docs/scale.md. */
export function limitsTable(): string {
  const rows = limitsOf(parseSettings({})).map(({ name, full, lift }: Limit) => [jobs(full), name, lift]);
  return table(['Jobs a day', 'Full', 'Lifted by'], rows);
}

export function daysTable(loads: readonly number[] = LOADS): string {
  const rows = loads.flatMap((load) => [ONE_HUGE, MANY].map((tenants) => dayRow(load, tenants)));
  const head = [
    'Jobs a day',
    'Tenants',
    'Flow',
    'small',
    'To a GPU',
    'largest',
    'small',
    'GPUs',
    'idle',
    'cold',
    'Losses',
  ];
  return table(head, rows);
}

/** What happens when nobody sets anything: the GPUs that the defaults allow, on days that need more. */
export function defaultsTable(): string {
  const settings = parseSettings({});
  const rows = DEFAULT_LOADS.map((load) => {
    const { gpuWait, gpus, idleShare, backlog } = simulateDay(load, MANY, settings);
    return [load.toLocaleString('en'), pair(gpuWait), String(gpus), percent(idleShare), backlog.toLocaleString('en')];
  });
  return table(['Jobs a day', 'To a GPU', 'GPUs', 'idle', 'Waiting at midnight'], rows);
}

/** The same day with and without shares. */
export function fairnessTable(): string {
  const settings = settingsFor(FAIRNESS_LOAD, parseSettings({}));
  const rows = [true, false].map((isFair) => {
    const { largestWait, smallWait } = simulateDay(FAIRNESS_LOAD, ONE_HUGE, settings, { isFair });
    return [isFair ? 'a share for each tenant' : 'first come, first served', pair(smallWait), pair(largestWait)];
  });
  return table([`${FAIRNESS_LOAD.toLocaleString('en')} jobs, ${ONE_HUGE.name}`, 'small', 'largest'], rows);
}

function dayRow(load: number, tenants: Tenants): string[] {
  const day = simulateDay(load, tenants, settingsFor(load, parseSettings({})));
  const { flow, smallFlow, gpuWait, largestWait, smallWait, gpus, idleShare, coldShare } = day;
  return [
    load.toLocaleString('en'),
    tenants.name,
    ...[flow, smallFlow, gpuWait, largestWait, smallWait].map(pair),
    gpus.toLocaleString('en'),
    percent(idleShare),
    percent(coldShare),
    lossText(day),
  ];
}

function lossText({ lossesPerHundredJobs, lostShare }: DayFigures): string {
  return `${lossesPerHundredJobs.toFixed(1)} %, ${(100 * lostShare).toFixed(2)} % of the time`;
}

/** Half of them wait no longer than the first, 95 of 100 no longer than the second. */
function pair({ p50, p95 }: Quantiles): string {
  return `${span(p50)} / ${span(p95)}`;
}

/** Two digits: the values that it follows from are no better. */
function jobs(value: number): string {
  return Number(value.toPrecision(2)).toLocaleString('en');
}

function span(seconds: number): string {
  if (seconds < 99.5) return `${seconds < 9.95 ? seconds.toFixed(1) : seconds.toFixed(0)} s`;
  if (seconds < 99.5 * 60) return `${(seconds / 60).toFixed(0)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

if (require.main === module) {
  for (const text of [limitsTable(), defaultsTable(), fairnessTable(), daysTable()]) console.log(`${text}\n`);
}
