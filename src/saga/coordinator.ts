/**
 * Sagas at one node: it takes requests, and finishes sagas left unfinished by any node. A request is listed in the
 * node's index. Then its record is created. Then it is driven to its end, which is the answer. A repeated request gets
 * the same answer, from memory or from the record.
 */

import { NOTHING_STORED, type Stored } from '../kv/documents.ts';
import type { Keeping } from '../kv/horizon.ts';
import type { Members } from '../kv/members.ts';
import { type StoreTimings, storeTimings } from '../kv/timings.ts';
import { Abort } from '../node/abort.ts';
import type { NodeContext } from '../node/context.ts';
import { RpcError } from '../protocol/errors.ts';
import type { SagaDriver } from './driver.ts';
import type { FinishedSagas } from './finished-sagas.ts';
import { SAGA_LIMITS, type SagaLimits } from './limits.ts';
import type { Order, SagaKind } from './plan.ts';
import {
  type Digest,
  digestOf,
  isSameRequest,
  isTerminal,
  type SagaRecord,
  type SagaStore,
  sagaKey,
} from './record.ts';
import { SagaIndex } from './saga-index.ts';
import { type SagaAtWork, SagasAtWork } from './sagas-at-work.ts';
import { closeIndex, SagaSweeper, type SweeperOptions } from './sweeper.ts';

/** How often a saga driven by another node is read, ms. */
const LOOK_MS = 50;

export interface CoordinatorOptions {
  readonly context: NodeContext;
  readonly store: SagaStore;
  readonly members: Members;
  /** How long the store may be away, ms. */
  readonly patienceMs?: number | undefined;
  readonly driver: SagaDriver;
  readonly order: Order;
  readonly finished: FinishedSagas;
  /** Default: {@link SAGA_LIMITS}. */
  readonly limits?: SagaLimits;
  /** Changes the options of the sweeper, for tests that leave something out. */
  readonly sweeper?: (options: SweeperOptions) => SweeperOptions | undefined;
  /** The store as the node's own index sees it, for the same tests. */
  readonly index?: (store: SagaStore) => SagaStore;
  readonly isSameRequest?: typeof isSameRequest;
  /** What ends, and when. Absent: finished sagas are kept for ever. */
  readonly retention?: Pick<Keeping, 'require'> | undefined;
  /** Default: {@link digestOf}. */
  readonly digest?: Digest | undefined;
  /**
   * Whether what a request needs may be there at first and be gone later. Then the record is looked for before a
   * request is called invalid, because it may be the repetition of one that was valid.
   */
  readonly mayLose?: boolean | undefined;
}

export class SagaCoordinator {
  readonly #options: CoordinatorOptions;
  readonly #index: SagaIndex;
  readonly #timings: StoreTimings;
  readonly #isSameRequest: typeof isSameRequest;
  readonly #digest: Digest;
  readonly #work: SagasAtWork;
  readonly #inFlightMax: number;
  #takenOverCount = 0;

  constructor(options: CoordinatorOptions) {
    const { context, store, members, patienceMs, finished, limits = SAGA_LIMITS } = options;
    const { sweeper = (own) => own, index = (own) => own } = options;
    this.#options = options;
    this.#isSameRequest = options.isSameRequest ?? isSameRequest;
    this.#digest = options.digest ?? digestOf;
    this.#index = new SagaIndex(context, index(store), members, limits.listed);
    this.#timings = storeTimings(patienceMs);
    this.#work = new SagasAtWork((id) => this.#index.remove(id), limits.answers);
    this.#inFlightMax = limits.inFlight;
    const sweeperOptions = sweeper({
      context,
      store,
      index: this.#index,
      patienceMs,
      isActive: (id) => this.#work.has(id),
      isFinished: (id) => finished.has(id),
      read: async (id) => (await options.driver.read(id)).content,
      finish: (id) => this.#takeOver(id),
      fence: (id, digest) => this.#fence(id, digest),
      close: (member) => closeIndex(store, member),
      limits,
    });
    if (sweeperOptions !== undefined) members.attend(new SagaSweeper(sweeperOptions));
    context.report('sagas', () => ({ 'in-flight': this.#work.size, 'taken-over': this.#takenOverCount }));
  }

  /** From now on finishes what was left unfinished. */
  start(): void {
    this.#options.members.start();
  }

  /**
   * Runs a saga or joins it. Resolves to its terminal record. Rejects with error 11 if too many are in flight, 22 if
   * the id belongs to another saga or is older than what is kept, 13 if its beginning or its end is unknown.
   */
  async run<Input>(id: string, kind: SagaKind<Input>, input: Input): Promise<SagaRecord> {
    this.#options.retention?.require(id);
    for (;;) {
      const answer = this.#work.answerOf(id);
      if (answer !== undefined) return this.#requireSame(id, answer, kind, input);
      const digest = this.#digest(kind.name, input);
      const work = this.#work.get(id) ?? this.#start(id, kind, input, digest);
      try {
        const record = await this.#within(this.#timings.answerMs, work.end, () =>
          RpcError.of('crash', `${id} is not finished yet; it goes on`),
        );
        return this.#requireSame(id, record, kind, input);
      } catch (error) {
        // A rejection of another request may not apply to this one. If it does, the next round rejects this one too.
        const isOther = work.digest !== digest;
        if (!isOther || !(error instanceof RpcError) || error.temporary) throw error;
      }
    }
  }

  /** The record as it is now; undefined if there is none. Rejects with error 11 if the store gives no answer. */
  async read(id: string): Promise<SagaRecord | undefined> {
    return this.#work.answerOf(id) ?? (await this.#options.driver.read(id)).content;
  }

  /** For finders of a mark of it. If the store gives no answer, a later look-up will. */
  async lookUp(id: string): Promise<void> {
    if (this.#work.has(id)) return;
    await this.#options.driver.read(id).catch(() => {});
  }

  #requireSame<Input>(id: string, record: SagaRecord, { name }: SagaKind<Input>, input: Input): SagaRecord {
    if (this.#isSameRequest(record, name, input, this.#digest)) return record;
    throw RpcError.of('precondition-failed', `request_id ${id} was used for another request`);
  }

  #start<Input>(id: string, kind: SagaKind<Input>, input: Input, digest: string): SagaAtWork {
    if (this.#work.size >= this.#inFlightMax)
      throw RpcError.of('temporarily-unavailable', `${this.#inFlightMax} requests are at work here`);
    return this.#work.add(id, digest, this.#begin(id, kind, input, digest));
  }

  async #begin<Input>(id: string, kind: SagaKind<Input>, input: Input, digest: string): Promise<SagaRecord> {
    const { store, driver, order, retention } = this.#options;
    const key = sagaKey(id);
    const [listed, prepared] = await Promise.allSettled([this.#index.add(id, digest), kind.prepare?.(input)]);
    // If the id was listed before, something may be unfinished. The sweeper finds it through that entry.
    const isNew = listed.status === 'fulfilled' && listed.value;
    const problem =
      listed.status === 'rejected' ? listed.reason : prepared.status === 'rejected' ? prepared.reason : prepared.value;
    if (problem !== undefined) {
      const earlier = await this.#findEarlier(id, problem);
      if (earlier !== undefined) return earlier;
      if (isNew) this.#index.remove(id);
      throw notBegunHere(id, problem);
    }
    const observedAt = order.next();
    const record = driver.begin(kind.name, input, digest);
    const created = await store.sagas.update(
      key,
      (content) => {
        if (content !== undefined) return undefined;
        // Again before each try: if it has ended meanwhile, this might be its second beginning.
        retention?.require(id);
        return record;
      },
      NOTHING_STORED,
    );
    if (created.kind !== 'ok') {
      if (created.kind === 'definite' && isNew) this.#index.remove(id);
      throw notBegunHere(id, created.error);
    }
    const { content } = created.stored;
    const own = content.history.length === 1 && content.history[0]?.node === this.#options.context.nodeId;
    try {
      return await (own ? driver.drive(id, created.stored, observedAt) : this.#attend(id, created.stored, observedAt));
    } catch (error) {
      throw goesOnLater(id, error);
    }
  }

  /** The end of a saga that was begun when its request was still valid; undefined: there is none. */
  async #findEarlier(id: string, problem: unknown): Promise<SagaRecord | undefined> {
    const { driver, order, mayLose = false } = this.#options;
    if (!mayLose || (problem instanceof RpcError && problem.unavailable)) return undefined;
    const observedAt = order.next();
    try {
      const stored = await driver.read(id);
      return stored.content && (await this.#attend(id, stored, observedAt));
    } catch (error) {
      throw goesOnLater(id, error);
    }
  }

  /** Another node drives it, or did. */
  async #attend(id: string, stored: Stored<SagaRecord>, observedAt: number): Promise<SagaRecord> {
    const { context, driver, order } = this.#options;
    let current = stored;
    let seenAt = observedAt;
    let sinceMs = context.clock.monotonicMs();
    for (;;) {
      const record = current.content;
      if (record === undefined || isTerminal(record) || context.clock.monotonicMs() - sinceMs >= this.#timings.stillMs)
        return driver.drive(id, current, seenAt);
      if (!(await context.sleep(LOOK_MS))) throw RpcError.of('crash', 'this node is about to end');
      seenAt = order.next();
      const { ver } = current;
      const askedMs = context.clock.monotonicMs();
      current = await driver.read(id);
      const nowMs = context.clock.monotonicMs();
      // While the store is away, no node can move it.
      if (current.ver !== ver || nowMs - askedMs >= this.#timings.requestMs) sinceMs = nowMs;
    }
  }

  /** The next sweep retries what fails. */
  async #takeOver(id: string): Promise<void> {
    if (this.#work.has(id)) return;
    const { driver, order } = this.#options;
    this.#takenOverCount++;
    const observedAt = order.next();
    const end = driver
      .read(id)
      .then((stored) => driver.drive(id, stored, observedAt))
      // Requests may join. They must not hear that nothing was begun.
      .catch((error: unknown) => {
        throw goesOnLater(id, error);
      });
    this.#work.add(id, '', end);
    await end.then(
      () => {},
      (error: unknown) => {
        // Its text and the id may name people.
        const code = error instanceof RpcError ? error.code : undefined;
        this.#options.context.log.debug('a saga could not be finished', { code });
      },
    );
  }

  async #fence(id: string, digest: string): Promise<void> {
    const { store, driver } = this.#options;
    const record = driver.fence(digest);
    await store.sagas.update(sagaKey(id), (content) => (content === undefined ? record : undefined), NOTHING_STORED);
  }

  async #within<Result>(ms: number, promise: Promise<Result>, createError: () => RpcError): Promise<Result> {
    const over = new Abort();
    const late = this.#options.context.sleep(ms, over).then((slept) => {
      if (slept) throw createError();
      return promise;
    });
    try {
      return await Promise.race([promise, late]);
    } finally {
      over.abort();
    }
  }
}

/** The saga has begun and will be finished, but this node cannot go on with it now. */
function goesOnLater(id: string, error: unknown): RpcError {
  const reason = error instanceof RpcError ? error.message : String(error);
  return RpcError.of('crash', `${id} is not finished yet; it goes on later: ${reason}`);
}

/**
 * After a timeout the store says nothing about earlier copies of the request. One may have reached an earlier life of
 * this node, which may have begun the saga. So no error may promise that nothing has happened.
 */
function notBegunHere(id: string, problem: unknown): unknown {
  if (!(problem instanceof RpcError) || !problem.unavailable) return problem;
  return RpcError.of('crash', `it is not known whether ${id} has begun: ${problem.message}`);
}
