/**
 * The audit that one instance writes. A change is begun in the audit before the node hears of it, so every change has
 * an entry, even if the instance was killed right after. Its outcome is a later entry, which goes with the next group
 * and for which no client waits.
 *
 * Begun means stored, or written ahead: what the node writes from then on cannot be on the disk without the entry.
 */

import { chooseFirst, GroupQueue } from '../kv/group-queue.ts';
import type { LinearizableStore, StoreEngine } from '../kv/store.ts';
import type { NodeContext } from '../node/context.ts';
import { RpcError } from '../protocol/errors.ts';
import { type AuditDocuments, auditDocuments, beginChain } from './begin-chain.ts';
import { type AheadGroup, type ChainWriter, GROUP_MAX } from './chain-writer.ts';
import type { BegunEntry, ChainHash, Draft, EndedEntry } from './entry.ts';
import { type Head, headKey, isSigned, signed } from './records.ts';

/** What waits for the next change, or the next write of the store, goes alone after this time, ms. */
const ALONE_MS = 100;
/** The head follows the pages within this time, ms. */
const HEAD_MS = 1000;
/** After a failure, ms. */
const RETRY_MS = 1000;

/** What is going to be done, without names of people. */
export type Change = Omit<BegunEntry, 'n' | 'at'>;
/** What became of it. */
export type Outcome = Omit<EndedEntry, 'n' | 'at' | 'of'>;

/** Names the entry of a change. */
export interface Ticket {
  readonly chain: string;
  readonly n: number;
}

export interface TrailOptions {
  readonly kv: LinearizableStore & Pick<StoreEngine, 'writeAhead'>;
  readonly context: Pick<NodeContext, 'clock' | 'sleep' | 'randomUint32' | 'log'>;
  readonly hash: ChainHash;
  readonly instance: string;
  /** A new UUID of version 7. */
  readonly newChain: () => string;
}

interface Waiting {
  readonly draft: Draft;
  readonly resolve: (ticket: Ticket) => void;
  readonly reject: (error: RpcError) => void;
}

/** A group of entries that is written ahead. */
interface Group {
  readonly entries: AheadGroup;
  readonly begunAtMs: number;
  outcomeCount: number;
  /** Resolves when it is on the disk, or the store has stopped. */
  readonly ended: Promise<void>;
}

export class AuditTrail {
  readonly #options: TrailOptions;
  readonly #documents: AuditDocuments;
  readonly #queue: GroupQueue<Waiting>;
  #writer: ChainWriter | undefined;
  /** The newest one that is not on the disk. */
  #group: Group | undefined;
  /** Outcomes that wait to be written. */
  #outcomes: Draft[] = [];
  /** Further ones that are being written, or are written ahead. */
  #writingCount = 0;
  #hasTimer = false;
  #headIsOld = false;
  #hasHeadTimer = false;
  #isClosed = false;
  readonly #onIdle: (() => void)[] = [];
  readonly #counts = { changes: 0, writes: 0, failures: 0, 'lost-outcomes': 0, 'lost-chains': 0 };

  constructor(options: TrailOptions) {
    this.#options = options;
    this.#documents = auditDocuments(options);
    this.#queue = new GroupQueue({
      choose: (waiting) => chooseFirst(waiting, GROUP_MAX),
      serve: (group) => this.#write(group),
      fail: ({ reject }, error) => reject(error as RpcError),
      onIdle: () => {
        for (const resolve of this.#onIdle.splice(0)) resolve();
      },
    });
  }

  /**
   * Resolves when it is stored or written ahead. Rejects with an `RpcError` if it may not be: then the change must not
   * be made.
   */
  async begin(change: Change): Promise<Ticket> {
    if (this.#isClosed) throw unavailable('the instance is ending');
    const n = this.#openGroup()?.entries.add(change);
    if (n === undefined || this.#writer === undefined)
      return new Promise((resolve, reject) => this.#queue.push({ draft: change, resolve, reject }));
    this.#counts.changes++;
    return { chain: this.#writer.chain, n };
  }

  end({ chain, n }: Ticket, outcome: Outcome): void {
    if (chain !== this.#writer?.chain || this.#isClosed) {
      this.#counts['lost-outcomes']++;
      return;
    }
    this.#outcomes.push({ of: n, ...outcome });
    this.#moveOutcomes();
    this.#wakeIn(ALONE_MS);
  }

  figures(): Readonly<Record<string, number>> {
    return { ...this.#counts, 'outcomes-waiting': this.#outcomes.length + this.#writingCount };
  }

  /**
   * Writes the outcomes that are left, and that the chain ends here if that is certain. Then it takes nothing more. The
   * first write that fails ends it: the store may be away for long.
   */
  async close(): Promise<void> {
    const { failures } = this.#counts;
    while (this.#isBusy && this.#counts.failures === failures) {
      this.#moveOutcomes();
      if (this.#group !== undefined) {
        this.#group.entries.flush();
        await this.#group.ended;
        continue;
      }
      const idle = new Promise<void>((resolve) => this.#onIdle.push(resolve));
      this.#queue.wake();
      await idle;
    }
    this.#isClosed = true;
    await this.#writeHead(this.#outcomes.length === 0 && this.#writer?.isInDoubt === false);
  }

  get #isBusy(): boolean {
    return this.#outcomes.length > 0 || this.#queue.busy || this.#group !== undefined;
  }

  /** The group that is open; begins one if that can be now. */
  #openGroup(): Group | undefined {
    if (this.#group?.entries.isOpen) return this.#group;
    // What the queue appends comes first.
    if (this.#writer === undefined || this.#queue.busy) return undefined;
    const entries = this.#writer.beginGroup();
    if (entries === undefined) return undefined;
    const begunAtMs = this.#options.context.clock.monotonicMs();
    const ended = entries.ended.then(({ kind }) => {
      this.#counts[kind === 'ok' ? 'writes' : 'failures']++;
      if (kind !== 'ok') this.#counts['lost-outcomes'] += group.outcomeCount;
      this.#writingCount -= group.outcomeCount;
      if (this.#group === group) this.#group = undefined;
      this.#headIsOld = true;
      this.#writeHeadIn(HEAD_MS);
    });
    const group: Group = { entries, begunAtMs, outcomeCount: 0, ended };
    this.#group = group;
    this.#wakeIn(ALONE_MS);
    return group;
  }

  /** Into the group that is written ahead, if there can be one. */
  #moveOutcomes(): void {
    let movedCount = 0;
    for (const outcome of this.#outcomes) {
      const group = this.#openGroup();
      if (group?.entries.add(outcome) === undefined) break;
      group.outcomeCount++;
      movedCount++;
    }
    if (movedCount > 0) this.#outcomes.splice(0, movedCount);
    this.#writingCount += movedCount;
  }

  async #write(group: readonly Waiting[]): Promise<void> {
    const outcomes = this.#outcomes.splice(0, GROUP_MAX);
    this.#writingCount += outcomes.length;
    if (group.length + outcomes.length === 0) return;
    try {
      this.#writer ??= await beginChain({
        ...this.#options,
        ...this.#options.context,
        store: this.#options.kv,
        documents: this.#documents,
      });
    } catch (error) {
      this.#counts.failures++;
      throw error instanceof RpcError ? unavailable(error.message) : error;
    }
    const writer = this.#writer;
    const { kind, placed, error } = await writer.append([...outcomes, ...group.map(({ draft }) => draft)]);
    this.#counts.writes++;
    this.#writingCount -= outcomes.length;
    const told = new Set<Draft>(outcomes);
    for (const { draft, resolve, reject } of group) {
      told.add(draft);
      const n = placed.get(draft);
      if (n === undefined) reject(unavailable(error?.message ?? kind));
      else resolve({ chain: writer.chain, n });
    }
    this.#counts.changes += group.filter(({ draft }) => placed.has(draft)).length;
    this.#headIsOld = true;
    this.#writeHeadIn(HEAD_MS);
    this.#outcomes.unshift(...outcomes.filter((draft) => !placed.has(draft)));
    // Their clients were told that nothing was done.
    for (const [draft, n] of placed)
      if ('who' in draft && !told.has(draft)) this.#outcomes.push({ of: n, outcome: 'not_carried_out' });
    if (kind !== 'ok') this.#counts.failures++;
    if (kind === 'lost') this.#lose(writer, error);
    if (this.#outcomes.length > 0) this.#wakeIn(kind === 'ok' ? ALONE_MS : RETRY_MS);
  }

  /** The next change begins another chain. What is left of this one is evidence. */
  #lose({ chain }: ChainWriter, error: RpcError | undefined): void {
    this.#options.context.log.error('the audit was changed by another hand: a new chain begins', {
      chain,
      reason: error?.message,
    });
    this.#counts['lost-chains']++;
    this.#counts['lost-outcomes'] += this.#outcomes.length;
    this.#outcomes = [];
    this.#headIsOld = false;
    this.#writer = undefined;
    this.#group = undefined;
  }

  #wakeIn(delayMs: number): void {
    if (this.#hasTimer) return;
    this.#hasTimer = true;
    void this.#options.context.sleep(delayMs).then(() => {
      this.#hasTimer = false;
      this.#wake();
    });
  }

  /** Writes what has waited for long enough. */
  #wake(): void {
    this.#moveOutcomes();
    if (this.#outcomes.length > 0) this.#queue.wake();
    const group = this.#group;
    if (group === undefined) return;
    const isYoung = this.#options.context.clock.monotonicMs() - group.begunAtMs < ALONE_MS / 2;
    // A full one is not open any more, and may still wait.
    if (group.entries.isOpen && isYoung) this.#wakeIn(ALONE_MS);
    else group.entries.flush();
  }

  #writeHeadIn(delayMs: number): void {
    if (this.#hasHeadTimer) return;
    this.#hasHeadTimer = true;
    void this.#options.context.sleep(delayMs).then(async () => {
      await this.#writeHead(false);
      this.#hasHeadTimer = false;
      if (this.#headIsOld) this.#writeHeadIn(RETRY_MS);
    });
  }

  /** A head that is signed by another hand is left as it is, for `audit verify` to find. */
  async #writeHead(ended: boolean): Promise<void> {
    const { hash } = this.#options;
    const writer = this.#writer;
    if (writer === undefined || (!this.#headIsOld && !ended)) return;
    this.#headIsOld = false;
    const key = headKey(writer.chain);
    const { reached } = writer;
    const updated = await this.#documents.heads.update(key, (record) => {
      if (record === undefined || !isSigned(record, key, hash)) throw RpcError.of('abort', 'the head is not ours');
      const { mac: _, ...rest } = record;
      if (rest.reached.n >= reached.n && rest.ended === ended) return undefined;
      return signed<Head>(key, { ...rest, reached, ended }, hash);
    });
    if (updated.kind !== 'ok' && writer === this.#writer) this.#headIsOld = true;
  }
}

function unavailable(reason: string): RpcError {
  return RpcError.of('temporarily-unavailable', `it could not be audited, so it was not done: ${reason}`);
}
