/**
 * Who serves a home: one process at a time, named in its `serve.json`. The file of one that was killed is taken over, because it
 * names a process that is no more.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { type LocalHome, type RunningServe, runningServe } from '../clients/local/home';
import type { LmdbStore } from '../clients/local/lmdb-store';
import { processStart } from '../clients/local/process-start';

export class HomeIsServed extends Error {
  override readonly name = 'HomeIsServed';
  constructor(home: LocalHome, { pid, url }: RunningServe) {
    super(`home must be served by one process, got ${home.folder}, which process ${pid} serves at ${url}.`);
  }
}

/** @throws HomeIsServed */
export function requireUnserved(home: LocalHome): void {
  const other = runningServe(home);
  if (other) throw new HomeIsServed(home, other);
}

/**
 * Takes the home for this process.
 * @param url of its status page.
 * @returns how to give it back.
 * @throws HomeIsServed
 */
export async function takeHome(home: LocalHome, store: LmdbStore, url: string): Promise<() => void> {
  const mine = JSON.stringify({
    pid: process.pid,
    process_start: processStart(process.pid),
    url,
  } satisfies RunningServe);
  await store.change(() => {
    requireUnserved(home);
    const partial = `${home.serve}.${randomUUID()}.partial`;
    writeFileSync(partial, mine);
    renameSync(partial, home.serve);
  });
  return () => {
    if (readFileSync(home.serve, 'utf8') === mine) rmSync(home.serve);
  };
}
