/** Erlang's C formula: M/M/c with service times of 1 on average. */

/** @param load arrivals in the time of a service; less than `servers`. */
export function erlangC(servers: number, load: number): { probability: number; meanWait: number } {
  // The inverse of the blocking probability, one server after the other.
  let inverse = 1;
  for (let n = 1; n <= servers; n++) inverse = 1 + (inverse * n) / load;
  const blocked = 1 / inverse;
  const probability = blocked / (1 - (load / servers) * (1 - blocked));
  return { probability, meanWait: probability / (servers - load) };
}
