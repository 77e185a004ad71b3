/** What `mv2id deploy-check` finds: one line each. */
import { awsErrorKind } from '../aws-error';
import { endingOf } from '../exit-code';

/** `problem`: jobs fail, or never run. `warning`: they do run, but something is worth a look, or could not be looked at. */
export type Verdict = 'ok' | 'warning' | 'problem';

export interface Finding {
  readonly check: string;
  readonly verdict: Verdict;
  /** With what to do about it where it is not ok. */
  readonly message: string;
}

export function ok(check: string, message: string): Finding {
  return { check, verdict: 'ok', message };
}

export function warning(check: string, message: string): Finding {
  return { check, verdict: 'warning', message };
}

export function problem(check: string, message: string): Finding {
  return { check, verdict: 'problem', message };
}

/**
 * Looks, and makes a finding of whatever fails.
 * @param isNeeded whether commands need the same permission; one that only the check needs is nothing that anybody misses.
 */
export async function look(
  check: string,
  run: () => Promise<readonly Finding[]>,
  isNeeded = false,
): Promise<readonly Finding[]> {
  try {
    return await run();
  } catch (error) {
    const { lines } = endingOf(error);
    if (awsErrorKind(error) === 'permission' && !isNeeded) {
      return lines.map((line) => warning(check, `Not looked at: ${line}`));
    }
    return lines.map((line) => problem(check, line));
  }
}
