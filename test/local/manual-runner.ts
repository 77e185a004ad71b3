/** Workers that end when the test says so. */
import type { LocalBatchJob } from '../../clients/local/batch-store';
import type { Runner, RunningWorker, WorkerExit } from '../../local/runner';

export class ManualWorker implements RunningWorker {
  readonly signals: string[] = [];
  readonly exited: Promise<WorkerExit>;
  end: (exit: WorkerExit) => void = () => {};

  constructor(
    readonly job: LocalBatchJob,
    readonly attempt: number,
    private readonly isObedient: () => boolean = () => false,
  ) {
    this.exited = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  exit(code: number): void {
    this.end({ code, signal: null });
  }

  kill(signal: 'SIGTERM' | 'SIGKILL'): void {
    this.signals.push(signal);
    if (signal === 'SIGKILL' || this.isObedient()) this.end({ code: null, signal });
  }
}

export class ManualRunner implements Runner {
  /** All that were started, in order. */
  readonly workers: ManualWorker[] = [];
  /** Whether workers end on SIGTERM. */
  isObedient = false;
  orphans = new Map<string, ManualWorker>();

  start(job: LocalBatchJob, attempt: number): ManualWorker {
    const worker = new ManualWorker(job, attempt, () => this.isObedient);
    this.workers.push(worker);
    return worker;
  }

  async findOrphans(): Promise<ReadonlyMap<string, RunningWorker>> {
    return this.orphans;
  }
}

/** Timers that go off when the test says so. */
export class ManualTimers {
  private readonly timers = new Set<{ at: number; callback: () => void }>();
  private time = 0;

  readonly set = (callback: () => void, milliseconds: number): (() => void) => {
    const timer = { at: this.time + milliseconds, callback };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  };

  pass(milliseconds: number): void {
    this.time += milliseconds;
    for (const timer of [...this.timers].filter(({ at }) => at <= this.time)) {
      this.timers.delete(timer);
      timer.callback();
    }
  }
}
