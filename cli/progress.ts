/**
 * How far a generation is: one line that rewrites itself on a terminal, plain lines at every tenth where there is none (a log
 * file, a pipe).
 */
import { byteText } from '../gpu-worker/memory';

export interface Progress {
  /** A stage begins: "Denoising". */
  begin(label: string): void;
  /** `done` of `total` of what the stage counts: "step". */
  update(done: number, total: number, unit: string): void;
  /** `done` of `total` bytes. @param atBegin of those the ones that were there before: they say nothing about the rate. */
  updateBytes(done: number, total: number, atBegin?: number): void;
  /** A line of its own, above the bar. */
  note(line: string): void;
  /** Nothing more comes; leaves no half line behind. */
  end(): void;
}

/** What progress needs of an output stream. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const BAR_WIDTH = 24;
const ERASE_LINE = '\r\u001b[K';

/** @param now seconds; a clock for tests. */
export function createProgress(output: ProgressOutput, now = () => performance.now() / 1000): Progress {
  const isTerminal = output.isTTY === true;
  let label = '';
  let startedAt = 0;
  let tenth = 0;
  /** What stands on the terminal's last line, which is not ended yet. */
  let openLine: string | undefined;

  const closeLine = () => {
    if (openLine !== undefined) output.write('\n');
    openLine = undefined;
  };
  const rewriteLine = (text: string) => {
    openLine = text.slice(0, (output.columns ?? 80) - 1);
    output.write(`${ERASE_LINE}${openLine}`);
  };
  const show = (share: number, rest: string) => {
    const reached = Math.floor(10 * share);
    if (isTerminal) rewriteLine(`${label} ${bar(share)} ${rest}`);
    else if (reached > tenth) output.write(`${label} ${rest}\n`);
    tenth = reached;
  };
  return {
    begin(next) {
      closeLine();
      label = next;
      startedAt = now();
      tenth = 0;
      if (isTerminal) rewriteLine(`${label} ...`);
      else output.write(`${label} ...\n`);
    },
    update(done, total, unit) {
      const secondsPerUnit = (now() - startedAt) / done;
      const left = seconds(secondsPerUnit * (total - done));
      // After the last one there is more to do: no time is left for these, and how much for the rest is not known.
      const eta = done === total ? '' : `  ETA ${left}`;
      show(done / total, `${done}/${total}  ${seconds(secondsPerUnit)} a ${unit}${eta}`);
    },
    updateBytes(done, total, atBegin = 0) {
      const bytesPerSecond = (done - atBegin) / Math.max(now() - startedAt, 1e-3);
      const rate =
        bytesPerSecond > 0 ? `  ${byteText(bytesPerSecond)}/s  ETA ${seconds((total - done) / bytesPerSecond)}` : '';
      show(total === 0 ? 1 : done / total, `${byteText(done)} of ${byteText(total)}${rate}`);
    },
    note(line) {
      output.write(openLine === undefined ? `${line}\n` : `${ERASE_LINE}${line}\n${openLine}`);
    },
    end: closeLine,
  };
}

/** 0.0123 -> "12 ms", 1.234 -> "1.23 s", 75 -> "1 min 15 s" */
export function seconds(value: number): string {
  if (value < 1) return `${Math.round(1000 * value)} ms`;
  if (value < 60) return `${value.toFixed(value < 10 ? 2 : 0)} s`;
  const whole = Math.round(value);
  return whole < 3600
    ? `${Math.floor(whole / 60)} min ${whole % 60} s`
    : `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

function bar(share: number): string {
  const filled = Math.round(BAR_WIDTH * share);
  return `[${'#'.repeat(filled)}${'-'.repeat(BAR_WIDTH - filled)}]`;
}
