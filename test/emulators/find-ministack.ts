/** ministack, wherever this machine has it: in MV2ID_MINISTACK, or installed from PyPI by the Python that is here. */
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';

/** Of docs/emulators.md. */
const VERSION = '1.5.33';
const FOLDER = path.resolve(__dirname, `../../node_modules/.cache/mv2id/ministack-${VERSION}`);
const PATIENCE_MS = 120_000;

/** Its executable, or why there is none. The first call installs it, which takes ten seconds. */
export function findMinistack(): { readonly executable: string } | { readonly reason: string } {
  const given = process.env.MV2ID_MINISTACK;
  if (given) return { executable: given };
  const executable = path.join(FOLDER, 'bin/ministack');
  if (existsSync(executable)) return { executable };
  const failure =
    run('python3', '-m', 'venv', FOLDER) ?? run(path.join(FOLDER, 'bin/pip'), 'install', `ministack==${VERSION}`);
  if (failure === null) return { executable };
  rmSync(FOLDER, { recursive: true, force: true });
  return { reason: `ministack cannot be had: ${failure}` };
}

/** @returns what went wrong, on one line; null when nothing did. */
function run(command: string, ...args: readonly string[]): string | null {
  const { status, error, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: PATIENCE_MS });
  if (status === 0) return null;
  const told = stderr?.trim().split('\n').at(-1);
  return `${path.basename(command)} ${args.slice(0, 2).join(' ')}: ${error?.message ?? told ?? `exit code ${status}`}`;
}
