/**
 * Finishes sagas that any node left unfinished. It is told which index to look at (`kv/members.ts`). A saga whose
 * record has not moved for a while, by this node's clock, is taken over. It does not matter whether the other node is
 * dead or slow. If an entry has no record, the record is created as aborted. That fences off a creation that may still
 * be under way: it would begin a saga that no index knows.
 *
 * That a record has not moved takes two readings that the store answered at once. So the time while the store is away
 * does not count.
 */

import type { Held, MemberIndex, Sign } from '../kv/members.ts';
import { type StoreTimings, storeTimings } from '../kv/timings.ts';
import type { NodeContext } from '../node/context.ts';
import { RpcError } from '../protocol/errors.ts';
import type { SagaLimits } from './limits.ts';
import { INDEX_NAME, type IndexRecord, indexKey, isTerminal, type SagaRecord, type SagaStore } from './record.ts';
import type { SagaIndex } from './saga-index.ts';

/** After so long an index is read again: most sagas are finished by then, ms. */
const SECOND_LOOK_MS = 500;
/** How long a finished saga waits for others that are to be removed with it, ms. */
const CROSS_OUT_MS = 100;

type Entry = IndexRecord['sagas'][number];

export interface SweeperOptions {
  readonly context: NodeContext;
  readonly store: SagaStore;
  /** The index of this node itself. */
  readonly index: Pick<SagaIndex, 'list' | 'remove'>;
  /** How long the store may be away, ms. */
  readonly patienceMs?: number | undefined;
  /** Whether this node is driving it. */
  readonly isActive: (id: string) => boolean;
  readonly isFinished: (id: string) => boolean;
  readonly read: (id: string) => Promise<SagaRecord | undefined>;
  /** Drives a saga to its end. */
  readonly finish: (id: string) => Promise<void>;
  /** Creates the record as aborted, if there is none. */
  readonly fence: (id: string, digest: string) => Promise<void>;
  /** Closes the index of another member, if it is empty. */
  readonly close: (member: string) => Promise<boolean>;
  readonly limits: Pick<SagaLimits, 'looks' | 'taken'>;
}

/** An index in which sagas were seen. */
interface Place {
  /** Of its member; '' for the node's own. */
  readonly name: string;
  /** Reads it again; undefined if the store gives no answer. */
  readonly list: () => Promise<readonly Entry[] | undefined>;
  /** Removes a finished saga from it. */
  readonly leave: (id: string) => void;
  readonly isOwn: boolean;
  /** Its member may be dead, so what it lists is probably unfinished. */
  readonly isDoubtful: boolean;
}

/** The record of a saga: `history.length`; 0: there is none; `ended`: it is terminal. Undefined: no answer. */
type Look = number | 'ended' | undefined;

export class SagaSweeper implements MemberIndex {
  readonly name = INDEX_NAME;
  readonly #options: SweeperOptions;
  readonly #timings: StoreTimings;
  /** Entries that are being watched: index and saga. One saga may be in several indices. */
  readonly #watched = new Set<string>();
  /** Finished sagas that are about to be removed from the indices of others, by member. */
  readonly #leaving = new Map<string, Set<string>>();
  #takenCount = 0;

  constructor(options: SweeperOptions) {
    this.#options = options;
    this.#timings = storeTimings(options.patienceMs);
  }

  async sweepOwn(): Promise<boolean> {
    const { index, isFinished } = this.#options;
    const sagas = await index.list();
    if (sagas === undefined) return true;
    for (const [id] of sagas) if (isFinished(id)) index.remove(id);
    this.#watch(
      sagas.filter(([id]) => !isFinished(id)),
      { name: '', list: () => index.list(), leave: (id) => index.remove(id), isOwn: true, isDoubtful: false },
    );
    return sagas.length > 0;
  }

  async sweep(member: string, sign: Sign): Promise<Held> {
    const list = () => this.#list(member);
    const sagas = await list();
    if (sagas === undefined) return undefined;
    const leave = (id: string) => this.#leaveSoon(member, id);
    this.#watch(sagas, { name: member, list, leave, isOwn: false, isDoubtful: sign !== 'alive' });
    return sagas.length > 0 ? 'something' : 'nothing';
  }

  close(member: string): Promise<boolean> {
    return this.#options.close(member);
  }

  #watch(entries: readonly Entry[], place: Place): void {
    const fresh = entries.filter(([id]) => !this.#watched.has(nameOf(place, id)) && !this.#options.isActive(id));
    for (const [id] of fresh) this.#watched.add(nameOf(place, id));
    if (fresh.length > 0) void this.#lookAt(fresh, place);
  }

  /** Looks at the records of these. Most are finished by then, if their node is alive. */
  async #lookAt(entries: readonly Entry[], place: Place): Promise<void> {
    const { context, limits } = this.#options;
    const sinceMs = context.clock.monotonicMs();
    let open = entries;
    if (!place.isDoubtful) {
      const again = (await context.sleep(SECOND_LOOK_MS)) ? await place.list() : undefined;
      const listed = new Set((again ?? []).map(([id]) => id));
      open = entries.filter(([id]) => listed.has(id));
      for (const [id] of entries) if (!listed.has(id)) this.#watched.delete(nameOf(place, id));
    }
    for (let index = 0; index < open.length; index += limits.looks) {
      const some = open.slice(index, index + limits.looks);
      const looks = await Promise.all(some.map(([id]) => this.#look(id)));
      for (const [number, entry] of some.entries()) void this.#settle(entry, looks[number], sinceMs, place);
    }
  }

  /** Sees to it that a saga ends, and then leaves its index. What fails is begun again by a later sweep. */
  async #settle([id, digest]: Entry, look: Look, sinceMs: number, place: Place): Promise<void> {
    const { context } = this.#options;
    let hasEnded = look === 'ended';
    if (hasEnded && !place.isOwn && !place.isDoubtful) {
      const passedMs = context.clock.monotonicMs() - sinceMs;
      await context.sleep(Math.max(0, this.#timings.forgottenMs - passedMs));
    }
    if (typeof look === 'number') hasEnded = await this.#finish(id, digest, look);
    this.#watched.delete(nameOf(place, id));
    if (hasEnded) place.leave(id);
  }

  /** Waits until a saga ends or has not moved for a while, then takes it over. Resolves to whether it has ended. */
  async #finish(id: string, digest: string, first: number): Promise<boolean> {
    const { context, isActive, finish, fence, limits } = this.#options;
    let seen = first;
    for (;;) {
      const takeOverMs = this.#timings.takeOverMs * (1 + context.randomUint32() / 2 ** 33);
      if (!(await context.sleep(takeOverMs)) || isActive(id)) return false;
      const beganMs = context.clock.monotonicMs();
      let look = await this.#look(id);
      const isSlow = context.clock.monotonicMs() - beganMs >= this.#timings.requestMs;
      if (look === seen && !isSlow && this.#takenCount < limits.taken) {
        this.#takenCount++;
        await (look > 0 ? finish(id) : fence(id, digest));
        this.#takenCount--;
        // Without a record there is no more to watch than the entry.
        look = (await this.#look(id)) || undefined;
      }
      if (typeof look !== 'number') return look === 'ended';
      seen = look;
    }
  }

  async #look(id: string): Promise<Look> {
    const { isFinished, read } = this.#options;
    if (isFinished(id)) return 'ended';
    try {
      const record = await read(id);
      if (record === undefined) return 0;
      return isTerminal(record) ? 'ended' : record.history.length;
    } catch {
      return undefined;
    }
  }

  async #list(member: string): Promise<readonly Entry[] | undefined> {
    const read = await this.#options.store.indices.read(indexKey(member));
    return read.kind === 'ok' ? (read.stored.content?.sagas ?? []) : undefined;
  }

  /** Many of one member are removed together. */
  #leaveSoon(member: string, id: string): void {
    const ids = this.#leaving.get(member);
    if (ids !== undefined) {
      ids.add(id);
      return;
    }
    this.#leaving.set(member, new Set([id]));
    void this.#crossOutSoon(member);
  }

  async #crossOutSoon(member: string): Promise<void> {
    if (!(await this.#options.context.sleep(CROSS_OUT_MS))) return;
    const ids = this.#leaving.get(member) ?? new Set();
    this.#leaving.delete(member);
    await this.#options.store.indices.update(indexKey(member), (content) => {
      const before = content?.sagas ?? [];
      const kept = before.filter(([id]) => !ids.has(id));
      return kept.length === before.length && content !== undefined ? undefined : { sagas: kept };
    });
  }
}

function nameOf({ name }: Place, id: string): string {
  return JSON.stringify([name, id]);
}

/** Closes the index of a member if it is empty, so that nothing can be added. Resolves to whether it is closed. */
export async function closeIndex({ indices }: Pick<SagaStore, 'indices'>, member: string): Promise<boolean> {
  const result = await indices.update(indexKey(member), (content) => {
    if (content?.closed) return undefined;
    if ((content?.sagas ?? []).length > 0) throw RpcError.of('precondition-failed', 'it is not empty');
    return { sagas: [], closed: true };
  });
  return result.kind === 'ok';
}
