/**
 * The parts of the worker that run in a thread or process of their own, and how they are started. As sources each part is a
 * TypeScript file, which needs a loader; bundled all of them are in one file, which is told its part: see image/entry.ts.
 */
import path from 'node:path';

export type Part = 'generate-thread' | 'check';

export interface PartProgram {
  readonly file: string;
  /** Options of Node for it. */
  readonly execArgv: readonly string[];
  /** The file's first arguments. */
  readonly args: readonly string[];
}

const LOADER = path.join(__dirname, '../bin/typescript.js');
const IS_SOURCE = path.extname(__filename) === '.ts';

export function programOf(part: Part): PartProgram {
  if (!IS_SOURCE) return { file: __filename, execArgv: [], args: part === 'generate-thread' ? [] : [part] };
  return { file: path.join(__dirname, `${part}.ts`), execArgv: ['--require', LOADER], args: [] };
}
