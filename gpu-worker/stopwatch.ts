/** How long each phase of an attempt took. */
export class Stopwatch {
  private readonly durations = new Map<string, number>();
  private current: { readonly phase: string; readonly sinceMs: number } | undefined;

  /** A phase begins where another ends. */
  enter(phase: string): void {
    this.leave();
    this.current = { phase, sinceMs: performance.now() };
  }

  leave(): void {
    if (!this.current) return;
    const { phase, sinceMs } = this.current;
    this.durations.set(phase, (performance.now() - sinceMs) / 1000);
    this.current = undefined;
  }

  async time<Result>(phase: string, work: () => Promise<Result>): Promise<Result> {
    this.enter(phase);
    try {
      return await work();
    } finally {
      this.leave();
    }
  }

  /** By phase, in their order. */
  seconds(): Record<string, number> {
    return Object.fromEntries(this.durations);
  }
}
