/**
 * What a node counts, in bounded memory: for each type of request, and for the whole node. Counting costs a few
 * increments a message. The reader of the figures pays for the rest.
 */

import { Histogram } from './histogram.ts';
import type { RequestFigures } from './status.ts';

/** At most this many codes are counted separately: a handler may pass on codes that others make up. */
const CODES_MAX = 64;
const OTHER_CODES = 'other';

/** The requests of one type. */
export class RequestMetrics {
  ok = 0;
  /** Requests that were not answered at once and still are not. */
  inFlight = 0;
  /** Of every request that a handler worked on, with any outcome. Requests refused before that would hide these. */
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

/** All figures that a node counts itself. */
export class NodeMetrics {
  /** Everything that came, valid or not. */
  messagesIn = 0;
  messagesOut = 0;
  /** Not a message, not for this node, of a type it does not serve, or not as declared. */
  messagesRefused = 0;
  /** All undeclared types together: a sender that invents types must not fill the memory. */
  readonly unknown = new RequestMetrics();
  readonly #requests = new Map<string, RequestMetrics>();

  /** The figures of a declared type. From now on they are in every report. */
  declare(type: string): RequestMetrics {
    const requests = new RequestMetrics();
    this.#requests.set(type, requests);
    return requests;
  }

  /** Of the types that were requested. */
  readRequests(): Record<string, RequestFigures> {
    const all = [...this.#requests, ['unknown', this.unknown] as const].map(([type, of]) => [type, of.read()] as const);
    return Object.fromEntries(all.filter(([, { count }]) => count > 0));
  }
}

/** Milliseconds, rounded to microseconds: clocks are no more exact. */
export function inMicroseconds(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
