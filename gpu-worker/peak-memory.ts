import { readFileSync } from 'node:fs';

/**
 * Bytes of this process at its largest.
 *
 * Linux's own mark of the program where there is one: `resourceUsage().maxRSS` begins at the size of the process that started
 * it, so that a small program below a large one would seem large (getrusage(2), exec keeps the maximum).
 */
export function peakMemoryBytes(): number {
  if (process.platform === 'linux') {
    const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    if (kibibytes !== undefined) return Number(kibibytes) * 1024;
  }
  return process.resourceUsage().maxRSS * 1024; // kibibytes, as Node gives them on every system
}
