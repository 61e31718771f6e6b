/**
 * A node's share of a replicated set: the set in its journal, and how it spreads. Both broadcast and g-set serve one.
 */

import { Journal } from '../../journal/journal.ts';
import { type Handler, handler, type NodeContext } from '../../node/context.ts';
import { RpcError } from '../../protocol/errors.ts';
import { requireKept, requireNode } from '../node-requests.ts';
import type { WorkloadPorts } from '../served-workload.ts';
import { Compare, Spread } from './messages.ts';
import { ReplicatedSet } from './replicated-set.ts';
import { GOSSIP_WAITS, Spreading, type SpreadingOptions } from './spreading.ts';

/**
 * Characters of JSON in an element, and of all elements in one message between nodes. In UTF-8 they are at most three
 * times as many bytes, so the message fits into a line of 4 MiB.
 */
const LENGTH_MAX = 2 ** 20;
/** Entries in one message between nodes. */
const PART_ENTRIES = 4096;

/** With more records a journal is written anew at the start, in fewer. */
const RECORDS = 10_000;

/** Limits of simulated nodes: values for which a set keeps its promises. */
export const SET_LIMITS = {
  /** Entries in one message between nodes. */
  part: [1, 3],
  /** Records of a journal that are kept as they are at the start. */
  records: [1, 20],
  /** How long entries are gathered, ms; see `GossipWaits`. */
  leafWait: [20, 500],
  hubWait: [1, 50, 900],
};

export class SetNode {
  readonly #context: NodeContext;
  readonly #set: ReplicatedSet;
  readonly #spreading: Spreading;
  #trouble: string | undefined;

  constructor(context: NodeContext, set: ReplicatedSet, options: SpreadingOptions) {
    this.#context = context;
    this.#set = set;
    this.#spreading = new Spreading(context, set, options);
    context.report('set', () => ({ elements: set.size, logs: set.logCount, ...this.#spreading.figures }));
    context.diagnose('set', () => this.#trouble);
    this.#spreading.start();
  }

  /**
   * Every element once, with all that came before the call. A node that has just restarted waits a moment for what it
   * missed.
   */
  elements<Reply>(reply: (elements: unknown[]) => Reply): Reply | Promise<Reply> {
    const { caughtUp } = this.#spreading;
    if (caughtUp !== undefined) return caughtUp.then(() => this.elements(reply));
    const elements = this.#set.elements();
    return Array.isArray(elements) ? reply(elements) : elements.then(reply);
  }

  /**
   * Resolves when the element is in the set, and would be after a power failure. Throws an RpcError: 12 for what cannot
   * be an element, 13 if the disk fails.
   *
   * @param field where the value stands in the request
   */
  async add(field: string, value: unknown): Promise<Record<string, never>> {
    const flaw = flawOf(value);
    if (flaw !== undefined) throw RpcError.of('malformed-request', `body.${field}: ${flaw}`);
    requireKept(value, `body.${field}`);
    await this.#withDisk(this.#set.add(value, (run) => this.#spreading.spread(run)));
    return {};
  }

  /** For the messages between nodes. */
  get handlers(): readonly Handler[] {
    return [
      handler(Spread, async (request, { src }) => {
        requireNode(this.#context, src);
        await this.#withDisk(this.#spreading.receiveSpread(src, request));
        return {};
      }),
      handler(Compare, (request, { src }) => {
        requireNode(this.#context, src);
        this.#spreading.receiveCompare(src, request);
        return {};
      }),
    ];
  }

  async #withDisk(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      // A journal fails for good. What it holds is still read.
      this.#trouble = `nothing can be added: ${(error as Error).message}`;
      throw RpcError.of('crash', this.#trouble);
    }
  }
}

/** @param name of the journal */
export async function startSetNode(context: NodeContext, ports: WorkloadPorts, name: string): Promise<SetNode> {
  const { journal, records } = await Journal.open(await ports.openFolder?.(), name);
  const set = new ReplicatedSet({ nodeId: context.nodeId, journal, records, randomUint32: context.randomUint32 });
  const options = spreadingOptions(ports);
  if (records.length > (ports.limits?.records ?? RECORDS)) await journal.replace(set.records(options.part));
  return new SetNode(context, set, options);
}

export function spreadingOptions({ gossip = 'fast', limits = {} }: Pick<WorkloadPorts, 'gossip' | 'limits'>) {
  const { leafMs, hubMs } = GOSSIP_WAITS[gossip];
  const { part = PART_ENTRIES, leafWait = leafMs, hubWait = hubMs } = limits;
  return { leafMs: leafWait, hubMs: hubWait, part: { entriesMax: part, lengthMax: LENGTH_MAX } };
}

/** Why a value cannot be an element; undefined: it can. */
function flawOf(value: unknown): string | undefined {
  if (value === undefined) return 'is missing';
  const { length } = JSON.stringify(value);
  return length > LENGTH_MAX ? `has ${length} characters as JSON; ${LENGTH_MAX} are allowed` : undefined;
}
