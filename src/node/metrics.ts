/**
 * What a node counts, in bounded memory: by type of request, and over the node as a whole. Counting is a few increments
 * a message; whoever wants to see the figures pays for them.
 */

import { Histogram } from './histogram.ts';
import type { RequestFigures } from './status.ts';

/** Codes are told apart up to this many; a handler may pass on whatever codes others make up. */
const CODES_MAX = 64;
const OTHER_CODES = 'other';

/** The requests of one type. */
export class RequestMetrics {
  ok = 0;
  /** Those that were not answered at once and still are not. */
  inFlight = 0;
  /** Of all that a handler worked on, however it ended; what was refused before would only hide them. */
  readonly latency = new Histogram();
  readonly #errors = new Map<string, number>();

  countError(code: number): void {
    let key = String(code);
    if (this.#errors.size >= CODES_MAX && !this.#errors.has(key)) key = OTHER_CODES;
    this.#errors.set(key, (this.#errors.get(key) ?? 0) + 1);
  }

  read(): RequestFigures {
    const { ok, inFlight, latency } = this;
    const errors = [...this.#errors.values()].reduce((sum, count) => sum + count, 0);
    return {
      count: ok + errors + inFlight,
      ok,
      errors: Object.fromEntries(this.#errors),
      in_flight: inFlight,
      ...(latency.count > 0 && {
        latency_ms: {
          p50: inMicroseconds(latency.quantile(0.5)),
          p95: inMicroseconds(latency.quantile(0.95)),
          p99: inMicroseconds(latency.quantile(0.99)),
          max: inMicroseconds(latency.max),
        },
      }),
    };
  }
}

/** Everything that a node counts itself. */
export class NodeMetrics {
  /** All that came, be it a message or not. */
  messagesIn = 0;
  messagesOut = 0;
  /** What was no message, not for this node, of no type that it serves or not as declared. */
  messagesRefused = 0;
  /** Types that nobody declared, together: a stranger who invents some must not fill the memory. */
  readonly unknown = new RequestMetrics();
  readonly #requests = new Map<string, RequestMetrics>();

  /** The figures of a declared type, from now on part of what is told. */
  declare(type: string): RequestMetrics {
    const requests = new RequestMetrics();
    this.#requests.set(type, requests);
    return requests;
  }

  /** Of the types that were asked for. */
  readRequests(): Record<string, RequestFigures> {
    const all = [...this.#requests, ['unknown', this.unknown] as const].map(([type, of]) => [type, of.read()] as const);
    return Object.fromEntries(all.filter(([, { count }]) => count > 0));
  }
}

/** Milliseconds, as exact as clocks are. */
export function inMicroseconds(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
