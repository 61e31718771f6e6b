/**
 * Readers that wait at the end of a feed. However many they are, one reading of its last page at a time looks for what
 * other nodes append. What this node assigns is noticed at once.
 */

import type { Stored } from '../../kv/documents.ts';
import { Abort } from '../../node/abort.ts';
import type { NodeContext } from '../../node/context.ts';
import { RpcError } from '../../protocol/errors.ts';
import { type FeedPage, type FeedStore, feedPageKey } from './feed-records.ts';

/** Between two readings of the last page of a feed, ms. */
const POLL_MS = 100;

interface Waiting {
  /** The page it has read to its end, and in which version. */
  readonly page: number;
  readonly ver: number;
  readonly wake: (page?: SeenPage) => void;
}

/** A page as it was read just now. */
export interface SeenPage {
  readonly page: number;
  readonly stored: Stored<FeedPage>;
}

/** The readers that wait at one feed. There is one as long as its end is being looked at. */
interface Watched {
  readonly waiting: Set<Waiting>;
  /** Ends the pause between two readings. */
  pause: Abort;
}

export class FeedWatch {
  readonly #context: Pick<NodeContext, 'sleep'>;
  readonly #store: FeedStore;
  readonly #waitingMax: number;
  readonly #watched = new Map<string, Watched>();
  #count = 0;
  #isOver = false;

  constructor(context: Pick<NodeContext, 'sleep' | 'onDrain'>, store: FeedStore, waitingMax: number) {
    this.#context = context;
    this.#store = store;
    this.#waitingMax = waitingMax;
    context.onDrain(() => this.#end());
  }

  /** The number of requests that wait. */
  get count(): number {
    return this.#count;
  }

  /**
   * Resolves when the page may have changed, with what was read of it then; undefined: the time is over, or all waiting
   * is. Throws error 11 if too many requests wait.
   */
  async change(service: string, page: number, ver: number, waitMs: number): Promise<SeenPage | undefined> {
    if (this.#isOver) return undefined;
    if (this.#count >= this.#waitingMax)
      throw RpcError.of('temporarily-unavailable', `${this.#waitingMax} requests wait for new assignments already`);
    const time = new Abort();
    let seen: SeenPage | undefined;
    const wake = (changed?: SeenPage) => {
      seen = changed;
      time.abort();
    };
    const own: Waiting = { page, ver, wake };
    const watched = this.#join(service, own);
    this.#count++;
    await this.#context.sleep(waitMs, time);
    watched.waiting.delete(own);
    this.#count--;
    if (watched.waiting.size === 0) watched.pause.abort();
    return seen;
  }

  /** This node has changed the feed. */
  notice(service: string): void {
    this.#watched.get(service)?.pause.abort();
  }

  /** From now on no request waits. */
  #end(): void {
    this.#isOver = true;
    for (const { waiting } of this.#watched.values()) for (const { wake } of waiting) wake();
  }

  #join(service: string, own: Waiting): Watched {
    let watched = this.#watched.get(service);
    const isFirst = watched === undefined;
    watched ??= { waiting: new Set(), pause: new Abort() };
    watched.waiting.add(own);
    if (!isFirst) return watched;
    this.#watched.set(service, watched);
    void this.#watch(service, watched);
    return watched;
  }

  async #watch(service: string, watched: Watched): Promise<void> {
    while (watched.waiting.size > 0) {
      const { pause } = watched;
      const passed = await this.#context.sleep(POLL_MS, pause);
      if (!passed && !pause.aborted) break;
      watched.pause = new Abort();
      if (watched.waiting.size === 0) break;
      const page = Math.max(...[...watched.waiting].map((waiting) => waiting.page));
      const read = await this.#store.pages.read(feedPageKey(service, page));
      // While the store is away there is nothing to tell.
      if (read.kind !== 'ok') continue;
      for (const waiting of watched.waiting) {
        if (waiting.page !== page || waiting.ver !== read.stored.ver) waiting.wake({ page, stored: read.stored });
      }
    }
    this.#watched.delete(service);
  }
}
