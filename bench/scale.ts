/**
 * The service under 100 to 1,000,000 jobs a day, on paper: which limit bites first and what lifts it, and one simulated day each with
 * the settings that the load asks for. Values from outside stand in scale/paper-values.ts; the same seed gives the same table.
 *
 *   npm run bench:scale
 */
import { parseSettings } from '../infra/settings';
import { MANY, ONE_HUGE, type Tenants } from './scale/demand';
import { type Limit, limitsOf } from './scale/limits';
import { type DayFigures, settingsFor, simulateDay } from './scale/simulate';

const LOADS = [100, 1000, 10_000, 100_000, 1_000_000];

/** Both tables, as they stand in docs/scale.md. */
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

function dayRow(load: number, tenants: Tenants): string[] {
  const day = simulateDay(load, tenants, settingsFor(load, parseSettings({})));
  const { flow, smallFlow, gpuWait, largestWait, smallWait, gpus, idleShare, coldShare } = day;
  return [
    load.toLocaleString('en'),
    tenants.name,
    ...[flow, smallFlow, gpuWait, largestWait, smallWait].map(({ p50, p95 }) => `${span(p50)} / ${span(p95)}`),
    gpus.toLocaleString('en'),
    percent(idleShare),
    percent(coldShare),
    lossText(day),
  ];
}

function lossText({ lossesPerHundredJobs, lostShare }: DayFigures): string {
  return `${lossesPerHundredJobs.toFixed(1)} %, ${(100 * lostShare).toFixed(2)} % of the time`;
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
  console.log(limitsTable());
  console.log();
  console.log(daysTable());
}
