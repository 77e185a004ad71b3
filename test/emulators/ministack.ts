/** ministack (PyPI), one process for all services. It has no clock to put forward: time passes by waiting. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EMULATED_REGION, type Emulator } from './emulator';

const HOST = '127.0.0.1';
const START_TIMEOUT_MS = 60_000;

export interface MinistackOptions {
  /** A script that starts it in its own way, in place of the executable. */
  readonly script?: string;
  /** Also for the functions that it runs. */
  readonly env?: NodeJS.ProcessEnv;
  /** PEM files. This process must trust the certificate, and it must be one for 127.0.0.1. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Judges requests by the policies of their roles and resources. */
  readonly isStrict?: boolean;
  /** Gets what it and its functions print. */
  readonly log?: string;
}

/** @param executable path of `ministack`. @throws Error with its output when it does not start. */
export async function startMinistack(executable: string, options: MinistackOptions = {}): Promise<Emulator> {
  const { script, env, tls, isStrict = false, log } = options;
  const port = await freePort();
  const endpoint = `${tls ? 'https' : 'http'}://${HOST}:${port}`;
  const folder = mkdtempSync(path.join(tmpdir(), 'mv2id-ministack-'));
  const python = path.join(path.dirname(realpathSync(executable)), 'python');
  const child = spawn(script === undefined ? executable : python, script === undefined ? [] : [script], {
    env: {
      ...process.env,
      ...env,
      BIND_HOST: HOST,
      GATEWAY_PORT: String(port),
      MINISTACK_HOST: HOST,
      MINISTACK_REGION: EMULATED_REGION,
      TMPDIR: folder,
      LOG_LEVEL: log === undefined ? 'WARNING' : 'INFO',
      AWS_ENDPOINT_URL: endpoint,
      AUTH: String(isStrict),
      ...(tls && { USE_SSL: '1', MINISTACK_SSL_CERT: tls.cert, MINISTACK_SSL_KEY: tls.key }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output.push(chunk);
      if (log !== undefined) appendFileSync(log, chunk);
    });
  }
  const exited = once(child, 'exit');

  const stop = async () => {
    if (child.exitCode === null) child.kill('SIGKILL');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  };
  for (const deadline = Date.now() + START_TIMEOUT_MS; !(await answers(endpoint)); await sleep(100)) {
    if (child.exitCode === null && Date.now() < deadline) continue;
    await stop();
    throw new Error(`${executable} must answer within ${START_TIMEOUT_MS} ms, got: ${Buffer.concat(output)}`);
  }
  return { region: EMULATED_REGION, endpoint, advance: (seconds) => sleep(seconds * 1000), stop };
}

async function answers(endpoint: string): Promise<boolean> {
  try {
    return (await fetch(`${endpoint}/_ministack/health`)).ok;
  } catch {
    return false;
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('A port must have a number, got none.');
  return address.port;
}
