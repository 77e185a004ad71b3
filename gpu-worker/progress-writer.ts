/**
 * The progress of a running job, written into its record: at most one write every two seconds, never two at once, and a write
 * that fails is left to the next one.
 */
import type { JobProgress } from '../contract/job';
import type { GenerationEvent } from './generate';

export interface ProgressWriterOptions {
  /** Least time between two writes. */
  readonly intervalSeconds: number;
  readonly now: () => Date;
  write(progress: JobProgress): Promise<void>;
}

/** Denoising is most of the work; the rest is decoding. */
const DENOISING_PERCENT = 90;

export class ProgressWriter {
  private writtenAt = Number.NEGATIVE_INFINITY;
  private isWriting = false;
  private step = 0;
  private totalSteps = 0;
  private start: { percent: number; atMs: number } | undefined;

  constructor(private readonly options: ProgressWriterOptions) {}

  onEvent(event: GenerationEvent): void {
    if (event.type === 'step') {
      this.step = event.step;
      this.totalSteps = event.totalSteps;
      this.report((DENOISING_PERCENT * event.step) / event.totalSteps);
    } else if (event.type === 'frames') {
      this.report(DENOISING_PERCENT + ((100 - DENOISING_PERCENT) * event.frames) / event.totalFrames);
    }
  }

  private report(percent: number): void {
    const nowMs = this.options.now().getTime();
    // The rate is this attempt's own: an earlier one may have run on another machine.
    this.start ??= { percent, atMs: nowMs };
    if (this.isWriting || nowMs - this.writtenAt < this.options.intervalSeconds * 1000) return;
    this.writtenAt = nowMs;
    this.isWriting = true;
    const { step, totalSteps } = this;
    const progress: JobProgress = {
      percent: Math.round(10 * percent) / 10,
      step,
      total_steps: totalSteps,
      eta_seconds: this.remainingSeconds(percent, nowMs),
    };
    void this.options.write(progress).finally(() => {
      this.isWriting = false;
    });
  }

  /** At the rate so far; null before there is one. */
  private remainingSeconds(percent: number, nowMs: number): number | null {
    const { start } = this;
    if (!start || percent <= start.percent) return null;
    const secondsPerPercent = (nowMs - start.atMs) / 1000 / (percent - start.percent);
    return Math.round(10 * secondsPerPercent * (100 - percent)) / 10;
  }
}
