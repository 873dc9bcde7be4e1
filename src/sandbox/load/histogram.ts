/** Buckets grow by 2 %, so a percentile is right to 1 %. */
const GROWTH = Math.log(1.02);
const SMALLEST_MS = 0.01;

/** Durations in milliseconds, counted in logarithmic buckets: constant memory however long a load runs. */
export class Histogram {
  readonly #counts = new Map<number, number>();
  #total = 0;
  #max = 0;

  add(ms: number): void {
    const bucket = Math.max(0, Math.round(Math.log(Math.max(ms, SMALLEST_MS) / SMALLEST_MS) / GROWTH));
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1);
    this.#total += 1;
    this.#max = Math.max(this.#max, ms);
  }

  /** @param percent 0 to 100; gives milliseconds, 0 when nothing was added */
  percentile(percent: number): number {
    const rank = Math.ceil((percent / 100) * this.#total);
    let seen = 0;
    for (const [bucket, count] of [...this.#counts].sort(([a], [b]) => a - b)) {
      seen += count;
      if (seen >= rank) {
        return round(Math.min(this.#max, SMALLEST_MS * Math.exp(bucket * GROWTH)));
      }
    }
    return 0;
  }

  get max(): number {
    return round(this.#max);
  }
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
