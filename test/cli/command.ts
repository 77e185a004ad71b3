/** One command line, run in this process. */
import { runCommand } from '../../cli/mv2id';

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function run(...args: string[]): Promise<CommandResult> {
  let stdout = '';
  let stderr = '';
  const exitCode = await runCommand(args, {
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
  });
  return { exitCode, stdout, stderr };
}
