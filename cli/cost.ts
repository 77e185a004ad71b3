/** `mv2id cost`: what the jobs of a span of days have taken and cost, by tenant, day and model. */
import { readFile } from 'node:fs/promises';
import { bundledPrices, type PriceTable, priceTableErrors } from '../contract/prices';
import { jobsBetween } from './all-jobs';
import { type CostGroup, CostReport, type CostRow } from './cost-report';
import { UsageError } from './exit-code';
import { writeJson } from './json-line';
import type { ProfileOptions } from './profile';
import { withService } from './service';
import type { Streams } from './streams';
import { textTable } from './text-table';

export interface CostOptions extends ProfileOptions {
  readonly tenant?: string;
  /** First day, `2026-11-01`. */
  readonly from?: string;
  /** Last day, included. */
  readonly to?: string;
  readonly by: readonly CostGroup[];
  /** A price table, to estimate anew with. */
  readonly prices?: string;
  readonly json?: boolean;
  readonly csv?: boolean;
}

const DAY_MS = 24 * 3600 * 1000;
const NUMBERS = ['jobs', 'attempts', 'gpu_hours', 'spot_lost_hours', 'cost_usd', 'unpriced_jobs'] as const;

/** @throws UsageError when the days or the price table cannot be. */
export async function runCost(options: CostOptions, { stdout }: Streams, now = new Date()): Promise<void> {
  const { tenant, by, json, csv } = options;
  if (json && csv) throw new UsageError('--csv must be absent with --json, got both.');
  const { from, end, lastDay } = spanOf(options, now);
  const prices = options.prices === undefined ? null : await readPrices(options.prices);
  await withService(options, async ({ ports }) => {
    const report = new CostReport(by, prices && { prices, region: ports.region }, now);
    for await (const job of jobsBetween(ports.jobs, { tenant }, from, end)) report.add(job);
    const { rows, total } = report;
    if (csv) return void stdout.write(csvText(by, rows));
    if (json)
      return writeJson(stdout, { from: dayText(from), to: lastDay, by, prices: aboutPrices(prices), rows, total });
    if (rows.length === 0) return void stdout.write(`No jobs from ${dayText(from)} to ${lastDay}.\n`);
    for (const line of textTable(tableRows(by, rows, total), [
      ...by.map(() => 'left' as const),
      ...NUMBERS.map(() => 'right' as const),
    ])) {
      stdout.write(`${line}\n`);
    }
    for (const line of remarks(total, prices)) stdout.write(`${line}\n`);
  });
}

/** Days are UTC's. The first of this month to today unless given. */
function spanOf({ from, to }: CostOptions, now: Date): { from: Date; end: Date; lastDay: string } {
  const first =
    from === undefined ? new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth())) : dayOf('--from', from);
  const last = to === undefined ? new Date(Math.floor(now.getTime() / DAY_MS) * DAY_MS) : dayOf('--to', to);
  if (last < first) throw new UsageError(`--to must be ${dayText(first)} or later, got ${dayText(last)}.`);
  return { from: first, end: new Date(last.getTime() + DAY_MS), lastDay: dayText(last) };
}

function dayOf(name: string, text: string): Date {
  const day = /^\d{4}-\d{2}-\d{2}$/.test(text) ? new Date(`${text}T00:00:00.000Z`) : null;
  // 31 February is a date to the parser, and another day.
  if (day && !Number.isNaN(day.getTime()) && dayText(day) === text) return day;
  throw new UsageError(`${name} must be a day (2026-11-01), got ${text}.`);
}

function dayText(day: Date): string {
  return day.toISOString().slice(0, 10);
}

async function readPrices(file: string): Promise<PriceTable> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`--prices must be a file that can be read, got ${file} (${error.code}).`);
  });
  const value = jsonOf(text, file);
  const errors = priceTableErrors(value, file);
  if (errors.length > 0) throw new UsageError(`${file}: ${errors.map(({ message }) => message).join(' ')}`);
  return value as PriceTable;
}

function jsonOf(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`--prices must be a JSON file, got ${file}, which is none.`);
  }
}

function tableRows(by: readonly CostGroup[], rows: readonly CostRow[], total: CostRow): string[][] {
  const head = [
    ...by.map((group) => group.toUpperCase()),
    'JOBS',
    'ATTEMPTS',
    'GPU HOURS',
    'SPOT LOST',
    'COST USD',
    'UNPRICED',
  ];
  const cells = (row: CostRow) => [
    String(row.jobs),
    String(row.attempts),
    row.gpu_hours.toFixed(2),
    row.spot_lost_hours.toFixed(2),
    row.cost_usd.toFixed(2),
    row.unpriced_jobs === 0 ? '' : String(row.unpriced_jobs),
  ];
  const body = rows.map((row) => [...by.map((group) => row[group] ?? ''), ...cells(row)]);
  return [head, ...body, ['total', ...by.slice(1).map(() => ''), ...cells(total)]];
}

function remarks({ unpriced_jobs, jobs }: CostRow, prices: PriceTable | null): string[] {
  const table = aboutPrices(prices);
  const checked = table.is_checked ? '' : ', not checked at their source';
  const basis = prices
    ? `Estimated anew with prices of ${table.as_of}${checked}.`
    : `Estimated when each job ran; the bundled prices are of ${table.as_of}${checked}.`;
  const unpriced = `${unpriced_jobs} of ${jobs} jobs ran where no price is known: they are not in the cost (docs/cost.md).`;
  return ['', basis, ...(unpriced_jobs > 0 ? [unpriced] : [])];
}

function aboutPrices(prices: PriceTable | null) {
  const { as_of, is_checked, source } = prices ?? bundledPrices();
  return { as_of, is_checked, source };
}

function csvText(by: readonly CostGroup[], rows: readonly CostRow[]): string {
  const lines = rows.map((row) => [...by.map((group) => row[group] ?? ''), ...NUMBERS.map((name) => row[name])]);
  return [[...by, ...NUMBERS], ...lines].map((cells) => `${cells.map(csvCell).join(',')}\r\n`).join('');
}

/** RFC 4180. */
function csvCell(cell: string | number): string {
  const text = String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
