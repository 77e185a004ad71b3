/** When a process was started, so that a process id that was given to another process is told apart. */
import { readFileSync } from 'node:fs';

/** Fields of /proc/<pid>/stat behind the process's name. Source: proc_pid_stat(5). */
const START_TIME = 19;

/** Opaque, and the same for as long as the process lives; null when there is no such process, or no /proc. */
export function processStart(pid: number): string | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name stands in brackets and may itself hold spaces and brackets.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return `${boot} ${fields[START_TIME]}`;
  } catch {
    return null;
  }
}
