/** An engine that counts its calls by outcome and measures how long they take. */

import type {
  EngineFigures,
  StoreEngine,
  StoreList,
  StoreRead,
  StoreRemoval,
  StoreReplace,
  Token,
  WriteAhead,
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

type CallName = 'read' | 'replace' | 'write_ahead' | 'list' | 'remove';

export class MeasuredEngine implements StoreEngine {
  readonly name: string;
  readonly patienceMs: number | undefined;
  /** Only where the engine can. */
  readonly writeAhead?: NonNullable<StoreEngine['writeAhead']>;
  readonly #engine: StoreEngine;
  readonly #clock: Clock;
  readonly #calls: Readonly<Record<CallName, Calls>> = {
    read: new Calls(),
    replace: new Calls(),
    write_ahead: new Calls(),
    list: new Calls(),
    remove: new Calls(),
  };

  constructor(engine: StoreEngine, clock: Clock) {
    this.name = engine.name;
    this.patienceMs = engine.patienceMs;
    this.#engine = engine;
    this.#clock = clock;
    if (engine.writeAhead !== undefined) this.writeAhead = (...write) => this.#writeAhead(...write);
  }

  /** By the name of the call. */
  get calls(): Readonly<Record<string, CallFigures>> {
    return this.#calls;
  }

  read(key: string): Promise<StoreRead> {
    return this.#measure('read', this.#engine.read(key));
  }

  replace(key: string, from: Token | null, text: string): Promise<StoreReplace> {
    return this.#measure('replace', this.#engine.replace(key, from, text));
  }

  list(prefix: string, after: string | undefined, limit: number): Promise<StoreList> {
    return this.#measure('list', this.#engine.list(prefix, after, limit));
  }

  remove(key: string, from: Token): Promise<StoreRemoval> {
    return this.#measure('remove', this.#engine.remove(key, from));
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

  #writeAhead(key: string, from: Token | null, makeText: () => string): WriteAhead | undefined {
    const write = this.#engine.writeAhead?.(key, from, makeText);
    if (write !== undefined) void this.#measure('write_ahead', write.ended);
    return write;
  }

  async #measure<R extends { readonly kind: string }>(call: CallName, work: Promise<R>): Promise<R> {
    const beganAtMs = this.#clock.monotonicMs();
    const result = await work;
    this.#calls[call].count(result.kind, this.#clock.monotonicMs() - beganAtMs);
    return result;
  }
}
