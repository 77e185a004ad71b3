/** `mv2id serve`: the service on this machine, until Ctrl-C. What it has not finished goes on at the next start. */
import path from 'node:path';
import { type LocalHome, localHome } from '../clients/local/home';
import type { Provider } from '../gpu-worker/session';
import { type RunningDeployment, startDeployment } from '../local/deployment';
import { HomeIsServed } from '../local/serve-lock';
import { EXIT_INTERRUPTED, UsageError } from './exit-code';
import { HOME } from './home';
import { findProfile, type ProfileOptions } from './profile';
import { lineLog } from './serve-log';
import type { Streams } from './streams';
import { untilInterrupted } from './until-interrupted';

export interface ServeOptions extends ProfileOptions {
  readonly host?: string;
  readonly hostName?: readonly string[];
  readonly port: number;
  readonly slots: number;
  readonly provider: Provider;
  readonly threads?: number;
  readonly retentionDays?: number;
}

/** @throws UsageError when the profile is not this machine's, another process serves the home, or the port is taken. */
export async function runServe(options: ServeOptions, { stdout, stderr }: Streams): Promise<void> {
  const profile = await findProfile(options);
  if (profile.type !== 'local') {
    throw new UsageError(`--profile must be of this machine to serve it, got one of type ${profile.type}.`);
  }
  const retentionDays = options.retentionDays ?? profile.results_retention_days;
  const deployment = await start(profile.home, { ...options, retentionDays }, stderr);
  for (const line of introduction(localHome(profile.home), deployment.url)) stdout.write(`${line}\n`);
  await untilInterrupted(() => {
    stderr.write('Stopping: running jobs save their progress and go on at the next start (again: at once) ...\n');
  }, EXIT_INTERRUPTED);
  await deployment.stop();
}

async function start(home: string, options: ServeOptions, stderr: Streams['stderr']): Promise<RunningDeployment> {
  const { host, hostName = [], port, slots, provider, threads, retentionDays } = options;
  try {
    return await startDeployment({
      home,
      slots,
      provider,
      ...(threads !== undefined && { threads }),
      ...(retentionDays !== undefined && { retentionDays }),
      bundledModels: path.join(HOME, 'models'),
      page: { port, hostNames: hostName, ...(host !== undefined && { host }) },
      log: lineLog(stderr),
    });
  } catch (error) {
    if (error instanceof HomeIsServed) throw new UsageError(`--${error.message}`);
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') throw new UsageError(`--port must be free, got ${port}, which is in use.`);
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
      throw new UsageError(`--host must be an address of this machine, got ${host} (${code}).`);
    }
    throw error;
  }
}

function introduction(home: LocalHome, url: string): string[] {
  const shown = (file: string) => path.relative(process.cwd(), file) || '.';
  const rows = [
    ['status page', url],
    ['upload to', `${shown(home.bucket('uploads'))}/sets/<tenant>/<set>/, job.json last`],
    ['results', `${shown(home.bucket('results'))}/jobs/<job id>/`],
    ['models', shown(home.bucket('models'))],
    ['logs', shown(home.logs)],
    ['webhook secret', `${shown(home.webhookSecrets)} (or: mv2id webhooks secret)`],
  ];
  return [`Serving ${home.folder}`, ...rows.map(([label = '', value]) => `  ${label.padEnd(15)} ${value}`)];
}
