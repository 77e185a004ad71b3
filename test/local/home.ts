/** A home in a temporary folder with its store open, gone after the test file. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type LocalHome, localHome } from '../../clients/local/home';
import { LmdbStore } from '../../clients/local/lmdb-store';

const folders: string[] = [];
const stores: LmdbStore[] = [];

afterAll(async () => {
  for (const store of stores) await store.close();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

export function temporaryHome(): LocalHome {
  const folder = mkdtempSync(path.join(tmpdir(), 'mv2id-home-'));
  folders.push(folder);
  return localHome(folder);
}

export function openStore(home: LocalHome = temporaryHome()): LmdbStore {
  const store = new LmdbStore(home.store);
  stores.push(store);
  return store;
}

/** Waits for something that other code brings about; the test's own time limit ends it. */
export async function until<T>(look: () => T | Promise<T>): Promise<NonNullable<Exclude<T, false>>> {
  for (;;) {
    const found = await look();
    if (found) return found as NonNullable<Exclude<T, false>>;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
