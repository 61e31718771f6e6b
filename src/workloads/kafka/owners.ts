/**
 * Who appends to a log. Each key has an owner among the nodes, by its hash, and the others send it their messages in
 * groups. So the compare-and-sets of a log hardly ever meet. The owner is for speed only: where it does not answer, a
 * node appends by itself. If both do, one of them loses the compare-and-set, reads again and finds the message.
 */

import { groupBy } from '../../kv/group-by.ts';
import { GroupQueue } from '../../kv/group-queue.ts';
import type { NodeContext } from '../../node/context.ts';
import { hash53 } from '../../protocol/hash.ts';
import type { ReplyOf } from '../../protocol/rpc.ts';
import type { Append } from './key-log.ts';
import { AppendEntries } from './messages.ts';
import { chooseShort } from './segments.ts';

/** How long a node that did not answer is not asked again, ms. */
const AVOIDED_MS = 3000;

/** What the owner says of messages of one key. Undefined: nothing is known. */
export type Told = ReplyOf<typeof AppendEntries>['results'][number] | undefined;

interface Sent {
  readonly key: string;
  readonly append: Append;
  /** @param askedMs when the owner was asked, by the monotonic clock */
  readonly settle: (offset: number | undefined, told: Told, askedMs: number) => void;
}

export interface SentOutcome {
  /** Undefined: the message may be in the log, now or later. */
  readonly offset: number | undefined;
  readonly told: Told;
  readonly askedMs: number;
}

export class Owners {
  readonly #context: NodeContext;
  readonly #groupMax: number;
  readonly #queues = new Map<string, GroupQueue<Sent>>();
  /** By node: until when it is not asked, by the monotonic clock. */
  readonly #avoidedUntilMs = new Map<string, number>();

  constructor(context: NodeContext, { group }: { readonly group: number }) {
    this.#context = context;
    this.#groupMax = group;
  }

  /** Whether this node is the owner of a key. */
  isOwn(key: string): boolean {
    return this.#ownerOf(key) === this.#context.nodeId;
  }

  /** The node to send messages of a key to; undefined: this node appends itself. */
  find(key: string): string | undefined {
    const owner = this.#ownerOf(key);
    return this.#isAvoided(owner) || owner === this.#context.nodeId ? undefined : owner;
  }

  send(owner: string, key: string, append: Append): Promise<SentOutcome> {
    return new Promise((resolve) => {
      const settle: Sent['settle'] = (offset, told, askedMs) => resolve({ offset, told, askedMs });
      this.#queueOf(owner).push({ key, append, settle });
    });
  }

  #ownerOf(key: string): string {
    const { nodeIds } = this.#context;
    return nodeIds[hash53(key) % nodeIds.length] as string;
  }

  #isAvoided(owner: string): boolean {
    return (this.#avoidedUntilMs.get(owner) ?? 0) > this.#context.clock.monotonicMs();
  }

  #queueOf(owner: string): GroupQueue<Sent> {
    const known = this.#queues.get(owner);
    if (known !== undefined) return known;
    const queue = new GroupQueue<Sent>({
      choose: (waiting) => chooseShort(waiting, this.#groupMax, ({ append }) => append.entry),
      serve: (group) => this.#serve(owner, group),
      fail: ({ settle }) => settle(undefined, undefined, 0),
    });
    this.#queues.set(owner, queue);
    return queue;
  }

  async #serve(owner: string, group: readonly Sent[]): Promise<void> {
    const { clock } = this.#context;
    const askedMs = clock.monotonicMs();
    // Those that waited for a group that got no answer do not wait for it a second time.
    if (this.#isAvoided(owner)) {
      for (const { settle } of group) settle(undefined, undefined, askedMs);
      return;
    }
    const logs = [...groupBy(group, ({ key }) => key)].map(([key, sent]) => ({ key, sent }));
    const result = await this.#context.rpc(owner, AppendEntries, {
      logs: logs.map(({ key, sent }) => ({
        key,
        since: Math.min(...sent.map(({ append }) => append.since)),
        entries: sent.map(({ append: { entry } }): [string, string] => [...entry]),
      })),
    });
    if (result.kind !== 'ok') this.#avoidedUntilMs.set(owner, clock.monotonicMs() + AVOIDED_MS);
    logs.forEach(({ sent }, number) => {
      const told = result.kind === 'ok' ? result.reply.results[number] : undefined;
      sent.forEach(({ settle }, position) => {
        settle(told?.offsets?.[position], told, askedMs);
      });
    });
  }
}
