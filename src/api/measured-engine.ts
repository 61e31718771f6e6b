/** An engine that counts its calls by outcome and measures how long they take. */

import type {
  EngineFigures,
  StoreEngine,
  StoreList,
  StoreRead,
  StoreRemoval,
  StoreReplace,
  Token,
} from '../kv/store.ts';
import type { Clock } from '../protocol/clock.ts';
import { Latencies } from './figures.ts';

export interface CallFigures {
  readonly outcomes: ReadonlyMap<string, number>;
  readonly latencies: Latencies;
}

class Calls implements CallFigures {
  readonly outcomes = new Map<string, number>();
  readonly latencies = new Latencies();

  count(outcome: string, ms: number): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
    this.latencies.record(ms);
  }
}

export class MeasuredEngine implements StoreEngine {
  readonly name: string;
  readonly patienceMs: number | undefined;
  /** By the name of the call. */
  readonly calls: Readonly<Record<string, CallFigures>>;
  /** Only where the engine can. */
  readonly writeAhead?: NonNullable<StoreEngine['writeAhead']>;
  readonly #engine: StoreEngine;
  readonly #clock: Clock;
  readonly #calls: Readonly<Record<'read' | 'replace' | 'list' | 'remove', Calls>> = {
    read: new Calls(),
    replace: new Calls(),
    list: new Calls(),
    remove: new Calls(),
  };

  constructor(engine: StoreEngine, clock: Clock) {
    this.name = engine.name;
    this.patienceMs = engine.patienceMs;
    this.#engine = engine;
    this.#clock = clock;
    this.calls = this.#calls;
    if (engine.writeAhead === undefined) return;
    const writes = new Calls();
    this.calls = { ...this.#calls, write_ahead: writes };
    this.writeAhead = (...parameters) => {
      const write = engine.writeAhead?.(...parameters);
      if (write !== undefined) void this.#measure(writes, write.ended);
      return write;
    };
  }

  read(key: string): Promise<StoreRead> {
    return this.#measure(this.#calls.read, this.#engine.read(key));
  }

  replace(key: string, from: Token | null, text: string): Promise<StoreReplace> {
    return this.#measure(this.#calls.replace, this.#engine.replace(key, from, text));
  }

  list(prefix: string, after: string | undefined, limit: number): Promise<StoreList> {
    return this.#measure(this.#calls.list, this.#engine.list(prefix, after, limit));
  }

  remove(key: string, from: Token): Promise<StoreRemoval> {
    return this.#measure(this.#calls.remove, this.#engine.remove(key, from));
  }

  async renew(): Promise<void> {
    await this.#engine.renew?.();
  }

  figures(): EngineFigures {
    return this.#engine.figures();
  }

  close(): Promise<void> {
    return this.#engine.close();
  }

  async #measure<R extends { readonly kind: string }>(calls: Calls, work: Promise<R>): Promise<R> {
    const beganAtMs = this.#clock.monotonicMs();
    const result = await work;
    calls.count(result.kind, this.#clock.monotonicMs() - beganAtMs);
    return result;
  }
}
