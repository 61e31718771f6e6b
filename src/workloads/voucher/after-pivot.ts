/**
 * What a node does with the redemptions of a shard after their pivot. Each is credited, then reported, then it may
 * leave the shard. The request waits for the credit. The other two are done in groups, in the background.
 */

import type { Stored } from '../../kv/documents.ts';
import { Abort } from '../../node/abort.ts';
import type { NodeContext } from '../../node/context.ts';
import type { RpcError } from '../../protocol/errors.ts';
import type { VoucherLimits } from './limits.ts';
import type { Pending, ShardRecord, VoucherStore } from './records.ts';
import { type Credit, type Report, report, type Terms } from './redemptions.ts';
import type { WalletRecord } from './wallets.ts';

/**
 * How long credited redemptions are gathered before they are reported, ms. As soon as there are `gather` of them, they
 * are reported.
 */
const GATHER_MS = 100;

export interface AfterPivotOptions {
  readonly context: Pick<NodeContext, 'sleep'>;
  readonly store: VoucherStore;
  readonly terms: Terms;
  readonly shard: number;
  readonly limits: Pick<VoucherLimits, 'gather' | 'left'>;
  /** Credits the value of a redemption to its wallet, once. */
  readonly credit: Credit;
  /** Default: {@link report}. */
  readonly report?: Report | undefined;
  /** Called when some redemptions may leave the shard. */
  readonly onReported: () => void;
}

export class AfterPivot {
  readonly #options: AfterPivotOptions;
  /** Credits in progress, by user. */
  readonly #crediting = new Map<string, Promise<RpcError | undefined>>();
  /** Credited and not yet reported. */
  readonly #credited: Pending[] = [];
  #gathering = false;
  /** Aborted when enough are gathered. */
  #enough = new Abort();
  /** Reported: they may leave the shard. Place by user. */
  readonly #leaving = new Map<string, number>();

  constructor(options: AfterPivotOptions) {
    this.#options = options;
  }

  /** Whether some redemptions may leave the shard, as far as known. */
  get hasLeaving(): boolean {
    return this.#leaving.size > 0;
  }

  get busy(): boolean {
    return this.#gathering || this.#crediting.size > 0 || this.hasLeaving;
  }

  /**
   * Credits a wallet, one attempt at a time. Resolves to an error if it failed. The later steps follow by themselves.
   */
  credit(redemption: Pending, wallet?: Stored<WalletRecord>): Promise<RpcError | undefined> {
    const [user] = redemption;
    const { store, terms, shard, credit, limits } = this.#options;
    let crediting = this.#crediting.get(user);
    if (crediting === undefined) {
      crediting = credit(store, terms, shard, redemption, wallet).then((problem) => {
        this.#crediting.delete(user);
        if (problem === undefined) {
          this.#credited.push(redemption);
          if (this.#credited.length >= limits.gather) this.#enough.abort();
          void this.#gather();
        }
        return problem;
      });
      this.#crediting.set(user, crediting);
    }
    return crediting;
  }

  /** How many redemptions may leave this version of the shard. */
  countLeaving({ pending }: ShardRecord): number {
    return pending.filter((redemption) => this.#leaves(redemption)).length;
  }

  /** The shard without redemptions that may leave; the same object if there are none. */
  withoutLeaving(content: ShardRecord, ver: number): ShardRecord {
    const users = content.pending.filter((redemption) => this.#leaves(redemption)).map(([user]) => user);
    if (users.length === 0) return content;
    const left: ShardRecord['left'] = [...content.left, ...users.map((user): [string, number] => [user, ver])];
    // `splice` takes a negative count for 0.
    const forgotten = left.splice(0, left.length - this.#options.limits.left);
    return {
      ...content,
      pending: content.pending.filter((redemption) => !this.#leaves(redemption)),
      left,
      since: forgotten.at(-1)?.[1] ?? content.since,
    };
  }

  /** Takes the current shard: redemptions that are missing there have left. */
  see({ pending }: ShardRecord): void {
    const present = new Set(pending.map(([user]) => user));
    for (const user of this.#leaving.keys()) if (!present.has(user)) this.#leaving.delete(user);
  }

  /** Call it if the shard has none of those that may leave. */
  forgetLeaving(): void {
    this.#leaving.clear();
  }

  #leaves([user, , place]: Pending): boolean {
    return this.#leaving.get(user) === place;
  }

  async #gather(): Promise<void> {
    if (this.#gathering) return;
    const { context, store, terms, shard, limits, onReported, report: write = report } = this.#options;
    this.#gathering = true;
    while (this.#credited.length > 0) {
      this.#enough = new Abort();
      if (this.#credited.length < limits.gather) await context.sleep(GATHER_MS, this.#enough);
      const reported = await write(store, terms.code, shard, this.#credited.splice(0));
      for (const [user, , place] of reported) this.#leaving.set(user, place);
    }
    this.#gathering = false;
    if (this.hasLeaving) onReported();
  }
}
