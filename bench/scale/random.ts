/** Chance that is the same in every run: mulberry32, and the distributions that the model draws from. */
export class Random {
  constructor(private state: number) {}

  /** 0 <= x < 1 */
  uniform(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let x = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  }

  exponential(mean: number): number {
    return -mean * Math.log(1 - this.uniform());
  }

  /** @param deviation as a share of the mean. */
  lognormal(mean: number, deviation: number): number {
    const variance = Math.log(1 + deviation ** 2);
    const normal = Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
    return mean * Math.exp(Math.sqrt(variance) * normal - variance / 2);
  }
}
