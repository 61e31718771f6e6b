/** What is counted of HTTP requests: by route and status, with their latencies. In bounded memory, for Prometheus. */

/** Upper bounds of the buckets, s. */
export const LATENCY_BOUNDS_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

const MILLISECONDS_PER_SECOND = 1000;

/** A histogram with fixed buckets, as Prometheus adds them up over instances. */
export class Latencies {
  /** How many were within each bound and beyond the one before; the last one: beyond all. */
  readonly #counts = new Array<number>(LATENCY_BOUNDS_S.length + 1).fill(0);
  #sumMs = 0;

  record(ms: number): void {
    const seconds = ms / MILLISECONDS_PER_SECOND;
    let bucket = 0;
    while (bucket < LATENCY_BOUNDS_S.length && seconds > (LATENCY_BOUNDS_S[bucket] as number)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#sumMs += ms;
  }

  get sumSeconds(): number {
    return this.#sumMs / MILLISECONDS_PER_SECOND;
  }

  /** How many were at most as long as each bound; the last number counts all. */
  cumulative(): number[] {
    let sum = 0;
    return this.#counts.map((count) => {
      sum += count;
      return sum;
    });
  }
}

export interface RouteFigures {
  readonly method: string;
  readonly route: string;
  readonly statuses: Map<number, number>;
  readonly latencies: Latencies;
}

export class HttpFigures {
  readonly #routes = new Map<string, RouteFigures>();

  /** @param route the path of the table; all paths without a route are counted under one name */
  count(method: string, route: string, status: number, ms: number): void {
    const key = `${method} ${route}`;
    let figures = this.#routes.get(key);
    if (figures === undefined) {
      figures = { method, route, statuses: new Map(), latencies: new Latencies() };
      this.#routes.set(key, figures);
    }
    figures.statuses.set(status, (figures.statuses.get(status) ?? 0) + 1);
    figures.latencies.record(ms);
  }

  *[Symbol.iterator](): IterableIterator<RouteFigures> {
    yield* this.#routes.values();
  }
}
