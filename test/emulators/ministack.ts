/** ministack (PyPI), one process for all services. It has no clock to put forward: time passes by waiting. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EMULATED_REGION, type Emulator } from './emulator';

const HOST = '127.0.0.1';
const START_TIMEOUT_MS = 60_000;

/** @param executable path of `ministack`. @throws Error with its output when it does not start. */
export async function startMinistack(executable: string): Promise<Emulator> {
  const port = await freePort();
  const folder = mkdtempSync(path.join(tmpdir(), 'mv2id-ministack-'));
  const child = spawn(executable, [], {
    env: {
      ...process.env,
      BIND_HOST: HOST,
      GATEWAY_PORT: String(port),
      MINISTACK_HOST: HOST,
      MINISTACK_REGION: EMULATED_REGION,
      TMPDIR: folder,
      LOG_LEVEL: 'WARNING',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk) => output.push(chunk));
  child.stderr.on('data', (chunk) => output.push(chunk));
  const exited = once(child, 'exit');
  const endpoint = `http://${HOST}:${port}`;

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

async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('A port must have a number, got none.');
  return address.port;
}
