/**
 * Group commit of transactions. All that wait on a node are executed in order on one root, and one compare-and-set
 * makes all of it visible at once, or none. Transactions that only read join them: the compare-and-set proves that what
 * they read was current. If no transaction of a group appends, one reading of the root proves it, which began after all
 * of them had come. So every transaction happens at a moment between its request and its reply: strict serializability.
 *
 * A compare-and-set whose outcome is unknown is decided by the next root (`root.ts`), or sent again as it was.
 * An error is definite only if the group is certainly not in a root, and never will be.
 *
 * Optimistic concurrency control (Kung and Robinson 1981) on a root pointer, as in Datomic and chapter 5 of Maelstrom's
 * guide; there each transaction is a group of its own.
 */

import { failureOf } from '../../node/assertion.ts';
import type { NodeContext } from '../../node/context.ts';
import { pauseUpTo } from '../../node/pause.ts';
import { RpcError } from '../../protocol/errors.ts';
import { type Mop, onlyReads } from '../transactions.ts';
import type { Database } from './database.ts';
import { type Executed, execute, keysRead } from './execution.ts';
import type { ListAppendLimits } from './limits.ts';
import { fateOf, type GroupFate, type GroupId, type Root } from './root.ts';

/** Longest pause before the store is asked again, ms. */
const PAUSE_MS = 50;
/** A compare-and-set that took longer was held up by more than the network: a pause of this node, or a store away. */
const YIELD_MS_MAX = 500;
/** The weight of the newest gap between two transactions in their average. */
const GAP_SHARE = 0.2;
const CONFLICT = RpcError.of('txn-conflict').code;

interface Waiting {
  readonly txn: readonly Mop[];
  readonly onlyReads: boolean;
  /** When it came, ms of the monotonic clock. */
  readonly beginMs: number;
  readonly resolve: (txn: readonly Mop[]) => void;
  readonly reject: (error: Error) => void;
}

/** Decisions that mutants replace. */
export interface CommitRules {
  readonly fateOf: typeof fateOf;
  /** Whether a group that only reads asks for the root. */
  readonly confirmsReads: boolean;
  /** The error for transactions that may be committed. */
  readonly undecided: (text: string) => RpcError;
}

const RULES: CommitRules = {
  fateOf,
  confirmsReads: true,
  undecided: (text) => RpcError.of('crash', `the transaction may have happened: ${text}`),
};

export interface CommitterOptions {
  readonly context: Pick<NodeContext, 'nodeIds' | 'clock' | 'sleep' | 'randomUint32' | 'onStop'>;
  readonly database: Database;
  readonly life: string;
  readonly limits: Pick<ListAppendLimits, 'group' | 'gather'>;
  /** How long a transaction may take, ms. */
  readonly patienceMs: number;
  readonly rules?: Partial<CommitRules> | undefined;
}

export class Committer {
  readonly #options: CommitterOptions;
  readonly #rules: CommitRules;
  #waiting: Waiting[] = [];
  #isBusy = false;
  #hasStopped = false;
  #groupNumber = 0;
  /** Whether the known root is probably the newest: it was just read, or no other node was seen to commit. */
  #isFresh = false;
  /** When the last transaction came, ms of the monotonic clock, and how far apart they come on average. */
  #lastMs = Number.NEGATIVE_INFINITY;
  #gapMs = Number.POSITIVE_INFINITY;
  /** Until when other nodes are let past, ms of the monotonic clock. */
  #yieldUntilMs = 0;
  #groups = 0;
  #lost = 0;

  constructor(options: CommitterOptions) {
    this.#options = options;
    this.#rules = { ...RULES, ...options.rules };
    options.context.onStop(() => {
      this.#hasStopped = true;
    });
  }

  get figures(): { readonly groups: number; readonly lost: number } {
    return { groups: this.#groups, lost: this.#lost };
  }

  /** Executes a transaction. Rejects with an RpcError. */
  execute(txn: readonly Mop[]): Promise<readonly Mop[]> {
    const beginMs = this.#options.context.clock.monotonicMs();
    const gapMs = beginMs - this.#lastMs;
    this.#lastMs = beginMs;
    this.#gapMs = this.#gapMs === Number.POSITIVE_INFINITY ? gapMs : this.#gapMs + GAP_SHARE * (gapMs - this.#gapMs);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ txn, onlyReads: onlyReads(txn), beginMs, resolve, reject });
      if (!this.#isBusy) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isBusy = true;
    while (this.#waiting.length > 0) {
      await this.#gather();
      const group = this.#waiting.splice(0, this.#options.limits.group);
      try {
        await this.#serve(group);
      } catch (error) {
        // What became of the group is not known. An assertion that reaches its answer ends the node.
        const failure = failureOf('a group of transactions', error);
        for (const { reject } of group) reject(failure);
      }
    }
    this.#isBusy = false;
  }

  /**
   * Waits for others to join the first one, if they are likely to come and it has not waited for as long already. After
   * a commit it also lets the other nodes past.
   */
  async #gather(): Promise<void> {
    const { context, limits } = this.#options;
    const [{ beginMs } = { beginMs: 0 }] = this.#waiting;
    const joinMs = this.#gapMs < limits.gather ? beginMs + limits.gather : 0;
    const pauseMs = Math.max(joinMs, this.#yieldUntilMs) - context.clock.monotonicMs();
    if (pauseMs > 0) await context.sleep(pauseMs);
  }

  /**
   * A node that need not read the root is twice as fast as the others, which would then lose every time. Nodes in step
   * would win in a fixed order, and the last one never. So a winner leaves the others the time for a reading, and a
   * random time more.
   */
  #yield(tookMs: number): void {
    const { context } = this.#options;
    if (context.nodeIds.length === 1) return;
    const share = (this.#isFresh ? 1 : 0) + context.randomUint32() / 2 ** 32;
    this.#yieldUntilMs = context.clock.monotonicMs() + share * Math.min(tookMs, YIELD_MS_MAX);
  }

  async #serve(group: readonly Waiting[]): Promise<void> {
    const { database } = this.#options;
    const readsOnly = group.every((waiting) => waiting.onlyReads);
    const isGuess = readsOnly ? !this.#rules.confirmsReads : this.#isFresh;
    const root = isGuess ? database.known : await database.readRoot();
    if (root instanceof RpcError) return this.#putBack(group, root);
    // The root was read after all of them had come. So what only reads need not wait for the compare-and-set.
    const writers = isGuess && !readsOnly ? group : group.filter((waiting) => !waiting.onlyReads);
    await this.#answerReads(
      group.filter((waiting) => !writers.includes(waiting)),
      root,
    );
    if (writers.length > 0) await this.#commit(writers, root);
  }

  async #answerReads(readers: readonly Waiting[], root: Root): Promise<void> {
    const executed = await this.#execute(readers, root);
    if (executed instanceof RpcError) await this.#putBack(readers, executed);
    else resolveAll(readers, executed.txns);
  }

  async #execute(group: readonly Waiting[], root: Root): Promise<Executed | RpcError> {
    const txns = group.map(({ txn }) => txn);
    try {
      return execute(txns, await this.#options.database.listsAt(root, keysRead(txns)));
    } catch (error) {
      if (error instanceof RpcError) return error;
      throw error;
    }
  }

  async #commit(group: readonly Waiting[], root: Root): Promise<void> {
    const { database, life, context } = this.#options;
    const executed = await this.#execute(group, root);
    if (executed instanceof RpcError) return this.#putBack(group, executed);
    const id = { life, number: ++this.#groupNumber };
    const next = database.prepare(root, id, executed.appended);
    let isUndecided = false;
    let waiting = group;
    while (waiting.length > 0) {
      const sentMs = context.clock.monotonicMs();
      const sent = await database.replaceRoot(root, next);
      isUndecided ||= sent.kind === 'undecided';
      if (sent.kind === 'unavailable' && !isUndecided) return this.#putBack(group, sent.error);
      const fate = sent.kind === 'ok' ? 'committed' : await this.#decide(id, root);
      if (fate === 'committed') {
        this.#groups++;
        this.#isFresh = sent.kind === 'ok' && (root.ver === 0 || root.writers.at(-1)?.[0] === life);
        this.#yield(context.clock.monotonicMs() - sentMs);
        resolveAll(group, executed.txns);
        database.relieve(root, database.known);
        return;
      }
      if (fate === 'lost') {
        this.#lost++;
        this.#isFresh = true;
        return this.#putBack(waiting, RpcError.of('txn-conflict', 'others committed first every time'));
      }
      const text = sent.kind === 'ok' ? '' : sent.error.message;
      waiting = this.#rejectLate(waiting, fate === 'unknown', () => this.#rules.undecided(text));
      if (waiting.length > 0) await pauseUpTo(this.#options.context, PAUSE_MS);
    }
  }

  /** What the root tells about a group. `open` also if it cannot be read. */
  async #decide(id: GroupId, from: Root): Promise<GroupFate> {
    const root = await this.#options.database.readRoot();
    return root instanceof RpcError ? 'open' : this.#rules.fateOf(root, id, from.ver);
  }

  /**
   * Lets transactions wait for the next group, in their place. None of them is in a root, and none ever will be by what
   * was sent. Those whose time is up get an error that says so.
   */
  async #putBack(group: readonly Waiting[], error: RpcError): Promise<void> {
    const definite = error.definite ? error : RpcError.of('temporarily-unavailable', error.message);
    const isConflict = error.code === CONFLICT;
    const left = this.#rejectLate(group, !isConflict && !definite.unavailable, () => definite);
    this.#waiting.unshift(...left);
    if (left.length > 0 && !isConflict) await pauseUpTo(this.#options.context, PAUSE_MS);
  }

  /** Rejects those whose time is up, or all. Returns the others. */
  #rejectLate(group: readonly Waiting[], all: boolean, errorOf: () => RpcError): readonly Waiting[] {
    const { context, patienceMs } = this.#options;
    const lateMs = context.clock.monotonicMs() - patienceMs;
    const isLate = ({ beginMs }: Waiting) => all || this.#hasStopped || beginMs <= lateMs;
    for (const late of group.filter(isLate)) late.reject(errorOf());
    return group.filter((waiting) => !isLate(waiting));
  }
}

function resolveAll(group: readonly Waiting[], txns: readonly (readonly Mop[])[]): void {
  // One that was answered with an error meanwhile keeps it: it said that the outcome is unknown.
  for (const [index, { resolve }] of group.entries()) resolve(txns[index] as readonly Mop[]);
}
