/** Runs a task for every item, a few at a time, without holding more items than are being worked on. */
export async function inParallel<T>(
  items: Iterable<T> | AsyncIterable<T>,
  limit: number,
  task: (item: T) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  for await (const item of items) {
    const run: Promise<void> = task(item).finally(() => running.delete(run));
    running.add(run);
    // One that fails ends the loop here or below, never unseen.
    run.catch(() => {});
    if (running.size >= limit) await Promise.race(running);
  }
  await Promise.all(running);
}
