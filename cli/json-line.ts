/** `--json`: what a program reads. */
import type { Streams } from './streams';

export function writeJson(stdout: Streams['stdout'], value: unknown): void {
  stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}
