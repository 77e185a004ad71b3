/** Runs a task for every item, a few at a time, without holding more items than are being worked on. */

/** @throws what the first task that failed threw, when those that were under way have ended; no further one is begun. */
export async function inParallel<T>(
  items: Iterable<T> | AsyncIterable<T>,
  limit: number,
  task: (item: T) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  for await (const item of items) {
    // It may have failed while the next item was waited for.
    if (failures.length > 0) break;
    const run: Promise<void> = task(item)
      .catch((error) => void failures.push(error))
      .finally(() => running.delete(run));
    running.add(run);
    if (running.size >= limit) await Promise.race(running);
  }
  await Promise.all(running);
  if (failures.length > 0) throw failures[0];
}
