/** `mv2id erase`: removes a tenant, or one of its sets, for good, looks again, and writes down what is gone. */
import { hostname, userInfo } from 'node:os';
import { createInterface } from 'node:readline/promises';
import { erasePlace } from '../clients/erase/erasure';
import { takeStock } from '../clients/erase/place-data';
import type { Removed } from '../clients/erase/removed';
import { type ErasedKind, type ErasedPlace, type ErasureCertificate, placeText } from '../contract/erasure';
import { manifestKey } from '../contract/keys';
import { byteText } from '../gpu-worker/memory';
import { writeWholeFile } from '../gpu-worker/whole-file';
import { ServiceError, UsageError } from './exit-code';
import { writeJson } from './json-line';
import type { ProfileOptions } from './profile';
import { withService } from './service';
import type { Streams } from './streams';
import { textTable } from './text-table';

export interface EraseOptions extends ProfileOptions {
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly certificate?: string;
}

/** Asks a person. @returns null when there is nobody to ask. */
export type Ask = (question: string) => Promise<string | null>;

const LABELS: Record<ErasedKind, string> = {
  uploads: 'uploads (photos and job.json, every version)',
  results: 'results (videos, reports, checkpoints, job objects)',
  jobs: 'job records',
  deliveries: 'webhook deliveries',
  consents: 'consent records',
  messages: 'messages that wait, and notes of uploads',
  batch_jobs: 'jobs in the local Batch',
  logs: 'logs and folders of workers',
};

/** @throws UsageError when nobody agrees to it; ServiceError when something is left. */
export async function runErase(
  text: string,
  options: EraseOptions,
  { stdout, stderr }: Streams,
  ask: Ask = askOnTerminal(stderr),
): Promise<void> {
  const place = parsePlace(text);
  await withService(options, async ({ deployment, ports }) => {
    if (options.dryRun || !options.yes) {
      const { found } = await takeStock(ports, place);
      const writeStock = (line: string) => (options.json && !options.dryRun ? stderr : stdout).write(`${line}\n`);
      if (options.dryRun && options.json) writeJson(stdout, { place, found: found.list() });
      else for (const line of stockLines(place, found)) writeStock(line);
      if (options.dryRun) return;
      await requireAgreement(place, ask);
    }
    const requestedBy = `${userInfo().username}@${hostname()}`;
    const certificate = await erasePlace(ports, { place, requestedBy, deployment: deployment.type });
    if (options.certificate !== undefined) {
      await writeWholeFile(options.certificate, `${JSON.stringify(certificate, null, 2)}\n`);
    }
    if (options.json) writeJson(stdout, certificate);
    else for (const line of certificateLines(certificate)) stdout.write(`${line}\n`);
    if (!certificate.is_complete) {
      throw new ServiceError(
        `Nothing of ${text} must be left, got ${remainingText(certificate)}: run the command again.`,
      );
    }
  });
}

/** `tenant` or `tenant/set`. */
function parsePlace(text: string): ErasedPlace {
  const [tenant = '', set, ...more] = text.split('/');
  if (more.length > 0) throw new UsageError(`<place> must be a tenant or tenant/set, got ${text}.`);
  // Refuses what cannot be a name.
  manifestKey(tenant, set ?? 'set');
  return { tenant, set: set ?? null };
}

async function requireAgreement(place: ErasedPlace, ask: Ask): Promise<void> {
  const name = placeText(place);
  const answer = await ask(`Erase all of it, for good? Type ${name} to agree: `);
  if (answer === null) throw new UsageError('--yes must be given where nobody can be asked, got nothing.');
  if (answer.trim() !== name)
    throw new UsageError(`The answer must be ${name}, got something else: nothing was erased.`);
}

function askOnTerminal(output: Streams['stderr']): Ask {
  return async (question) => {
    if (!process.stdin.isTTY) return null;
    const terminal = createInterface({ input: process.stdin, output: output as NodeJS.WritableStream });
    try {
      return await terminal.question(question);
    } finally {
      terminal.close();
    }
  };
}

function stockLines(place: ErasedPlace, found: Removed): string[] {
  const rows = found.list().filter(({ count }) => count > 0);
  if (rows.length === 0) return [`Nothing is known of ${placeText(place)}.`];
  return [`${placeText(place)} has`, ...countLines(rows)];
}

function certificateLines(certificate: ErasureCertificate): string[] {
  const rows = certificate.removed.filter(({ count }) => count > 0);
  const name = placeText(certificate.place);
  return [
    ...(rows.length === 0 ? [`There was nothing of ${name}.`] : [`Erased of ${name}:`, ...countLines(rows)]),
    certificate.is_complete ? 'Looked again: nothing is left.' : `Left: ${remainingText(certificate)}.`,
    'Out of reach:',
    ...certificate.out_of_reach.map((sentence) => `  ${sentence}`),
  ];
}

function countLines(rows: ErasureCertificate['removed']): string[] {
  const cells = rows.map(({ kind, count, bytes }) => [`  ${count}`, LABELS[kind], bytes > 0 ? byteText(bytes) : '']);
  return textTable(cells);
}

function remainingText({ remaining }: ErasureCertificate): string {
  const left = Object.entries(remaining).filter(([, count]) => count > 0);
  return left.map(([kind, count]) => `${count} ${kind}`).join(', ');
}
