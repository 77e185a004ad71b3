/** A queue before equal servers: exact for any arrivals and any times of service. */
import { Heap } from './heap';

export interface ServersOptions {
  /** How many at the same time. */
  readonly servers: number;
  /** Seconds that the next one takes. */
  service(): number;
  /** At most so many begin in a second; any number unless given. */
  readonly ratePerSecond?: number;
  /** Who gives way while somebody else waits, as a fair queue has it; nobody unless given: first come, first served. */
  givesWay?(arrival: number): boolean;
}

/**
 * When each is done, and how long it waited before that began.
 * @param arrivals in seconds, ascending.
 */
export function serve(arrivals: Float64Array, options: ServersOptions): { done: Float64Array; waits: Float64Array } {
  const { servers, service, ratePerSecond = Number.POSITIVE_INFINITY, givesWay = () => false } = options;
  const done = new Float64Array(arrivals.length);
  const waits = new Float64Array(arrivals.length);
  const [first, second] = [new Fifo(), new Fifo()];
  const free = new Heap();
  let next = 0;
  let nextSlot = 0;
  for (let served = 0; served < arrivals.length; served++) {
    const freeAt = free.size < servers ? 0 : free.time;
    if (free.size >= servers) free.pop();
    const isEmpty = first.size + second.size === 0;
    const start = Math.max(freeAt, nextSlot, isEmpty ? arrivals[next]! : 0);
    for (; next < arrivals.length && arrivals[next]! <= start; next++) (givesWay(next) ? second : first).push(next);
    const i = first.size > 0 ? first.shift() : second.shift();
    nextSlot = start + 1 / ratePerSecond;
    waits[i] = start - arrivals[i]!;
    done[i] = start + service();
    free.push(done[i]!, 0);
  }
  return { done, waits };
}

class Fifo {
  private readonly items: number[] = [];
  private head = 0;

  get size(): number {
    return this.items.length - this.head;
  }

  push(item: number): void {
    this.items.push(item);
  }

  shift(): number {
    return this.items[this.head++]!;
  }
}
