/** A task that is done at once and then again and again, never twice at the same time. */
export interface Repeated {
  /** Waits for the task where it is under way. */
  stop(): Promise<void>;
}

/** @param onError told about a task that failed; the next one comes all the same. */
export function repeat(task: () => Promise<unknown>, everyMs: number, onError: (error: unknown) => void): Repeated {
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  let running: Promise<void>;
  const run = () => {
    running = task()
      .then(() => {}, onError)
      .then(() => {
        if (!isStopped) timer = setTimeout(run, everyMs);
      });
  };
  run();
  return {
    stop: async () => {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
