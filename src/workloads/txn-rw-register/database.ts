/**
 * The registers of one node with its journal: executes transactions at once, and takes those of other nodes. Nothing
 * waits for another node, so every transaction is answered under any cut: total availability.
 *
 * The rules:
 *
 * - A transaction is executed in one step on the node's own state. So its reads are from one moment, and no other sees
 *   it half.
 * - It is answered when all that it wrote or may have read is on the disk. What a client was told survives.
 * - Only what is on the disk leaves the node. So a number is never used for two transactions.
 */

import type { NodeContext } from '../../node/context.ts';
import { RpcError } from '../../protocol/errors.ts';
import { keyText, type Mop, READ } from '../transactions.ts';
import { EarlyTransactions, KeptTransactions } from './kept.ts';
import type { RegisterLimits } from './limits.ts';
import type { Committed } from './messages.ts';
import type { RegisterJournal, RegisterReplay } from './register-journal.ts';
import { isStampPossible, nextStamp, type RegisterState, Registers, type Seen } from './registers.ts';

type Writes = Committed['writes'];

/** Decisions that mutants replace. */
export interface RegisterRules {
  readonly nextStamp: typeof nextStamp;
  /** What is replicated of all writes of a transaction, in their order: each entry as a transaction of its own. */
  readonly unitsOf: (writes: Writes) => readonly Writes[];
  /** Whether a transaction can be applied. */
  readonly isReady: (registers: Registers, committed: Committed) => boolean;
  /** Whether a transaction is answered before it is on the disk. */
  readonly answersEarly: boolean;
}

export const REGISTER_RULES: RegisterRules = {
  nextStamp,
  unitsOf: (writes) => [lastWrites(writes)],
  isReady: (registers, committed) => registers.isReady(committed),
  answersEarly: false,
};

/** The last write to each register. */
export function lastWrites(writes: Writes): Writes {
  return [...new Map(writes)];
}

export interface RegisterDatabaseOptions {
  readonly context: Pick<NodeContext, 'clock' | 'log'>;
  readonly limits: RegisterLimits;
  readonly rules: RegisterRules;
  /** Opens the journal, and puts what it tells into the database. */
  readonly openJournal: (replay: RegisterReplay) => Promise<RegisterJournal>;
}

export class RegisterDatabase {
  readonly #options: RegisterDatabaseOptions;
  readonly #registers = new Registers();
  readonly #kept: KeptTransactions;
  readonly #early: EarlyTransactions;
  readonly #journal: RegisterJournal;
  /** What of all that is applied is on the disk. */
  #durable: Seen;
  /** What the last transaction of this node had seen. */
  #lastSeen: Seen = new Map();
  #failure: string | undefined;
  #onDurable: () => void = () => {};

  static async open(options: RegisterDatabaseOptions): Promise<RegisterDatabase> {
    const registers = new Registers();
    const kept = new KeptTransactions(options.limits.kept);
    const journal = await options.openJournal({
      apply: (committed) => {
        registers.apply(committed);
        kept.add(committed);
      },
      merge: (state) => registers.merge(state),
      keep: (committed) => kept.add(committed),
    });
    return new RegisterDatabase(options, registers, kept, journal);
  }

  private constructor(
    options: RegisterDatabaseOptions,
    registers: Registers,
    kept: KeptTransactions,
    journal: RegisterJournal,
  ) {
    this.#options = options;
    this.#registers = registers;
    this.#kept = kept;
    this.#early = new EarlyTransactions(options.limits.early);
    this.#journal = journal;
    this.#durable = new Map(registers.seen);
  }

  /** The origin of this node's transactions. */
  get origin(): string {
    return this.#journal.origin;
  }

  /** What of all transactions is on the disk. */
  get durable(): Seen {
    return this.#durable;
  }

  get kept(): KeptTransactions {
    return this.#kept;
  }

  /** Why it answers nothing any more; undefined while all is well. */
  get failure(): string | undefined {
    return this.#failure;
  }

  get figures() {
    return { kept: this.#kept.all.length, early: this.#early.count };
  }

  /** Calls back whenever more is on the disk. */
  onDurable(callback: () => void): void {
    this.#onDurable = callback;
  }

  /** Executes a transaction. Rejects with an RpcError: 13 if the disk has failed, 11 if there is no stamp left. */
  async execute(txn: readonly Mop[]): Promise<Mop[]> {
    this.#requireDisk();
    const own = new Map<string, unknown>();
    const writes: Writes = [];
    const executed = txn.map(([f, key, value]): Mop => {
      const text = keyText(key);
      if (f === READ) return [f, key, own.has(text) ? own.get(text) : this.#registers.read(text)];
      own.set(text, value);
      writes.push([text, value]);
      return [f, key, value];
    });
    const { rules } = this.#options;
    if (writes.length > 0) for (const unit of rules.unitsOf(writes)) this.#apply(this.#commit(unit));
    if (!rules.answersEarly) await this.#flush();
    return executed;
  }

  /**
   * Takes transactions of other nodes, and resolves when those that could be applied are on the disk. Rejects with
   * error 12, and takes none, if one has a stamp that no right node gives.
   */
  async take(transactions: readonly Committed[]): Promise<void> {
    this.#requireDisk();
    for (const { origin, number, stamp } of transactions)
      this.#requireStamp(stamp, `transaction ${number} of ${origin}`);
    const { rules } = this.#options;
    for (const committed of transactions) {
      if (this.#registers.has(committed)) continue;
      if (rules.isReady(this.#registers, committed)) this.#apply(committed);
      else this.#early.add(committed);
    }
    this.#applyEarly();
    await this.#flush();
  }

  /** Merges the state of another node, and resolves when it is on the disk. Rejects as {@link take} does. */
  async restore(state: RegisterState): Promise<void> {
    this.#requireDisk();
    this.#requireStamp(state.stamp, 'the state');
    for (const [key, { stamp }] of state.registers) this.#requireStamp(stamp, `register ${key}`);
    this.#registers.merge(state);
    this.#rewrite();
    this.#applyEarly();
    await this.#flush();
  }

  /** The whole state, as soon as it is on the disk. */
  async snapshot(): Promise<RegisterState> {
    const { seen, stamp, registers } = this.#registers.state;
    const state = { seen: new Map(seen), stamp, registers: new Map(registers) };
    await this.#flush();
    return state;
  }

  #commit(writes: Writes): Committed {
    const { seen: seenNow, stamp: known } = this.#registers;
    const stamp = this.#options.rules.nextStamp(this.#options.context.clock.wallMs(), known);
    if (!isStampPossible(stamp, known))
      throw RpcError.of('temporarily-unavailable', `no stamp is left above ${known}: nothing can be written any more`);
    const news = [...seenNow].filter(([origin, number]) => {
      return origin !== this.origin && number > (this.#lastSeen.get(origin) ?? 0);
    });
    this.#lastSeen = new Map(seenNow);
    return {
      origin: this.origin,
      number: (seenNow.get(this.origin) ?? 0) + 1,
      stamp,
      seen: Object.fromEntries(news),
      writes,
    };
  }

  #requireStamp(stamp: number, what: string): void {
    if (isStampPossible(stamp, this.#registers.stamp)) return;
    this.#options.context.log.warn('a stamp was refused', { what, stamp });
    throw RpcError.of('malformed-request', `${what} has the stamp ${stamp}, which no clock and no node can have given`);
  }

  #apply(committed: Committed): void {
    this.#registers.apply(committed);
    this.#kept.add(committed);
    const { origin, number } = committed;
    this.#settle(this.#journal.record(committed), new Map([[origin, number]]));
    if (this.#journal.isLong) this.#rewrite();
  }

  #applyEarly(): void {
    this.#early.forget(this.#registers);
    for (;;) {
      const next = this.#early.takeReady(this.#registers);
      if (next === undefined) return;
      this.#apply(next);
    }
  }

  #rewrite(): void {
    const written = this.#journal.rewrite(this.#registers.state, this.#kept.all);
    this.#settle(written, new Map(this.#registers.seen));
  }

  /** @param seen what is on the disk when `written` resolves */
  #settle(written: Promise<void>, seen: Seen): void {
    written.then(
      () => {
        const durable = new Map(this.#durable);
        for (const [origin, number] of seen) durable.set(origin, Math.max(number, durable.get(origin) ?? 0));
        this.#durable = durable;
        this.#onDurable();
      },
      (error: unknown) => {
        if (this.#failure !== undefined) return;
        this.#failure = error instanceof Error ? error.message : String(error);
        this.#options.context.log.error('the journal of the registers has failed', { reason: this.#failure });
      },
    );
  }

  async #flush(): Promise<void> {
    try {
      await this.#journal.durable();
    } catch {
      // `#settle` has noted why.
    }
    this.#requireDisk();
  }

  /** What was not written may be in memory. So nothing that rests on it may be told. */
  #requireDisk(): void {
    if (this.#failure !== undefined)
      throw RpcError.of('crash', `it is not known what is on the disk of this node: ${this.#failure}`);
  }
}
