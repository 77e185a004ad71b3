/** Whether this machine can serve: the folder, the service on it, and room on the disk. */
import { stat, statfs } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { localHome, runningServe } from '../../clients/local/home';
import { DTYPE_OF_PROVIDER } from '../../gpu-worker/job-defaults';
import { byteText } from '../../gpu-worker/memory';
import { type Finding, ok, problem, warning } from './finding';
import type { Rooms } from './models';

/** For results, checkpoints and the cache of models. */
const SCARCE_BYTES = 5e9;
const TOO_FEW_BYTES = 5e8;

/** Null when there is nothing to look at any further. */
export async function checkHome(home: string): Promise<{ findings: readonly Finding[]; isThere: boolean }> {
  const status = await stat(home).catch(() => null);
  if (!status?.isDirectory()) {
    const message = `${home} must be a folder that "mv2id serve" has made, got ${status ? 'a file' : 'nothing there'}: start it, or give --home.`;
    return { findings: [problem('home', message)], isThere: false };
  }
  const running = runningServe(localHome(home));
  const { bavail, bsize } = await statfs(home);
  return {
    findings: [
      ok('home', `${home}.`),
      running
        ? ok('serve', `Runs at ${running.url}.`)
        : warning('serve', 'Nobody works on what is uploaded until "mv2id serve" runs on this folder.'),
      judgeDisk(bavail * bsize),
    ],
    isThere: true,
  };
}

/** @param free bytes. */
export function judgeDisk(free: number): Finding {
  const message = `${byteText(free)} are free for results and the cache of models`;
  if (free < TOO_FEW_BYTES) return problem('disk', `${message}: make room, at least ${byteText(SCARCE_BYTES)}.`);
  return free < SCARCE_BYTES ? warning('disk', `${message}, which is little.`) : ok('disk', `${message}.`);
}

/** Workers on this machine, which run on the processor unless "mv2id serve" is told otherwise. */
export function localRooms(): Rooms {
  return { rooms: [{ machine: 'this machine', bytes: totalmem() }], computeDtype: DTYPE_OF_PROVIDER.cpu };
}
