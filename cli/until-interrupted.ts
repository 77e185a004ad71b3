/** Ctrl-C and SIGTERM: the first ends in order, a second one at once. */

/**
 * Settles at the first signal. @param onFirst told then. @param exitCode of the process after a second signal.
 * The handlers stay, so that the second signal finds them while whatever follows takes its time.
 */
export function untilInterrupted(onFirst: () => void, exitCode: number): Promise<void> {
  return new Promise((resolve) => {
    let isEnding = false;
    const stop = () => {
      if (isEnding) process.exit(exitCode);
      isEnding = true;
      onFirst();
      resolve();
    };
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
  });
}
