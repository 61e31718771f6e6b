/**
 * Removes what is finished and older than the horizon (`horizon.ts`). Any instance may do it, and several at a time:
 * nothing is removed but a value that was read before. They take turns so that normally one works.
 *
 * Every kind of document that ends has an {@link Ending}: which keys are old is seen from the id in the key, and what
 * may go is decided by the kind.
 */

import type { NodeContext } from '../node/context.ts';
import { Horizon, type HorizonOptions, type Keeping } from './horizon.ts';
import type { StoreEngine, Token } from './store.ts';
import { Sweep } from './sweep.ts';

/** Calls of the engine a second, while something is being removed. */
const CALLS_A_SECOND = 400;
/** Calls without a pause. */
const CALLS_AT_ONCE = 100;
/** Keys in one answer of the engine, and as how many calls that counts. */
const KEYS_LISTED = 256;
const LISTING_CALLS = 8;
/** Documents that are removed side by side. */
const REMOVED_AT_ONCE = 16;

/** How documents of one kind end. */
export interface Ending {
  /** The plural, for figures: `transfers`. */
  readonly name: string;
  /** Of their keys. */
  readonly prefix: string;
  /**
   * The id in a key; it need not tell its time, and then the document stays. Absent: the keys tell nothing, and `end`
   * is called for each.
   */
  readonly idOf?: (key: string) => string | undefined;
  /**
   * Removes the document, unless something in it is unfinished.
   *
   * @param isOld whether an id is older than the horizon
   */
  readonly end: (key: string, remover: Remover, isOld: (id: string) => boolean) => Promise<void>;
}

/** `found`: the content as it was parsed, with its `ver`. `failed`: it cannot be read now, or is no document. */
export type Found =
  | { readonly kind: 'found'; readonly content: unknown; readonly token: Token }
  | { readonly kind: 'absent' | 'failed' };

/** The engine, as an ending may use it. */
export interface Remover {
  read(key: string): Promise<Found>;
  /** Resolves to whether the value is proven to be gone. */
  remove(key: string, token: Token): Promise<boolean>;
}

export interface RetentionOptions extends Pick<HorizonOptions, 'retainMs' | 'graceMs' | 'timeOf'> {
  readonly context: Pick<NodeContext, 'clock' | 'sleep' | 'randomUint32' | 'log' | 'report' | 'diagnose'>;
  readonly engine: StoreEngine;
}

export class Retention implements Keeping {
  readonly #options: RetentionOptions;
  readonly #horizon: Horizon;
  readonly #endings: Ending[] = [];
  /** By the name of an ending. */
  readonly #removed = new Map<string, number>();
  /** Calls of the engine since the last pause. */
  #callCount = 0;

  constructor(options: RetentionOptions) {
    const { context, engine: kv } = options;
    this.#options = options;
    this.#horizon = new Horizon({ ...options, kv });
    context.report('retention', () => ({
      'horizon-ms': this.#horizon.known,
      refused: this.#horizon.refusedCount,
      ...Object.fromEntries([...this.#removed].map(([name, count]) => [`removed-${name}`, count])),
    }));
    context.diagnose('retention', () => (this.#horizon.fresh ? undefined : 'how long requests are kept is not known'));
  }

  /** Reads the horizon and removes what is below it, from now on until the node stops. */
  start(): void {
    const { context } = this.#options;
    this.#horizon.start();
    // Two turns a grace keep the horizon close to its time.
    new Sweep({ context, intervalMs: this.#horizon.graceMs / 2, tick: () => this.#tick() }).start();
  }

  /** From now on such documents end. */
  add(ending: Ending): void {
    this.#endings.push(ending);
    this.#removed.set(ending.name, 0);
  }

  require(id: string): void {
    this.#horizon.require(id);
  }

  requireKept(id: string): void {
    this.#horizon.requireKept(id);
  }

  isKept(id: string): boolean {
    return this.#horizon.isKept(id);
  }

  isCurrent(id: string): boolean {
    return this.#horizon.isCurrent(id);
  }

  isEnded(id: string): boolean {
    return this.#horizon.isEnded(id);
  }

  /** Always as if there were something to do: the horizon moves with time. */
  async #tick(): Promise<true> {
    await this.#horizon.raise();
    for (const ending of this.#endings) {
      if (this.#horizon.ended === 0) return true;
      const below = await this.#horizon.takePass(ending.name);
      if (below !== undefined) await this.#removeBelow(ending, below);
    }
    return true;
  }

  /** What fails is left for the next pass: each looks at everything below its horizon. */
  async #removeBelow(ending: Ending, horizon: number): Promise<void> {
    const { engine, context, timeOf } = this.#options;
    const isOld = (id: string) => (timeOf(id) ?? Number.POSITIVE_INFINITY) < horizon;
    const remover = this.#removerOf(ending.name);
    let after: string | undefined;
    for (;;) {
      this.#callCount += LISTING_CALLS;
      const list = await engine.list(ending.prefix, after, KEYS_LISTED);
      if (list.kind === 'failed')
        return context.log.debug(`${ending.name} could not be listed`, { reason: list.error.message });
      const old = list.keys.filter((key) => {
        if (ending.idOf === undefined) return true;
        const id = ending.idOf(key);
        return id !== undefined && isOld(id);
      });
      for (let index = 0; index < old.length; index += REMOVED_AT_ONCE) {
        await Promise.all(old.slice(index, index + REMOVED_AT_ONCE).map((key) => ending.end(key, remover, isOld)));
        if (!(await this.#pause())) return;
      }
      after = list.keys.at(-1);
      if (!list.more || after === undefined || !(await this.#pause())) return;
    }
  }

  #removerOf(name: string): Remover {
    const { engine } = this.#options;
    return {
      read: async (key) => {
        // One document may lead to many others.
        if (++this.#callCount >= CALLS_AT_ONCE) await this.#pause();
        const read = await engine.read(key);
        if (read.kind === 'absent') return { kind: 'absent' };
        const content = read.kind === 'found' ? parse(read.text) : undefined;
        if (read.kind !== 'found' || content === undefined) return { kind: 'failed' };
        return { kind: 'found', content, token: read.token };
      },
      remove: async (key, token) => {
        this.#callCount++;
        const removed = await engine.remove(key, token);
        if (removed.kind !== 'ok') return false;
        this.#removed.set(name, (this.#removed.get(name) ?? 0) + 1);
        return true;
      },
    };
  }

  #pause(): Promise<boolean> {
    const durationMs = (this.#callCount * 1000) / CALLS_A_SECOND;
    this.#callCount = 0;
    return this.#options.context.sleep(durationMs);
  }
}

/** Undefined: it is not JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
