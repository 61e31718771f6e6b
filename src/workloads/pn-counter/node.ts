/** What a node serves of g-counter and pn-counter. They differ in one rule: the first one only grows. */

import { type Handler, handler, type NodeContext } from '../../node/context.ts';
import { RpcError } from '../../protocol/errors.ts';
import type { ServedWorkload, WorkloadPorts } from '../served-workload.ts';
import { DurableCounter, type DurableCounterOptions } from './durable-counter.ts';
import { Gossip } from './gossip.ts';
import { Add, CounterGossip, Read } from './messages.ts';
import { Slots } from './slots.ts';

const COUNTER_LIMITS = {
  /** Average time between two exchanges of a node, ms. */
  gossip: 500,
  /** The most slots of a message between nodes. */
  page: 1000,
  /** A journal of this length is written anew, characters. */
  journal: 1 << 20,
};
export type CounterLimits = typeof COUNTER_LIMITS;

/** What a counter is made of, so that tests can replace a part. */
export interface CounterParts extends Pick<DurableCounterOptions, 'openJournal'> {
  /** Why a delta is refused at any sum; undefined if it is not. Default: none is. */
  readonly refuse?: (delta: number) => string | undefined;
  readonly createSlots?: () => Slots;
  /** Default: 64 random bits, so that no two lives of a cluster have the same. */
  readonly drawEpoch?: (context: NodeContext) => string;
}

export async function startCounter(
  context: NodeContext,
  { limits: own, openFolder }: Pick<WorkloadPorts, 'limits' | 'openFolder'>,
  { refuse = () => undefined, createSlots = () => new Slots(), openJournal, drawEpoch = drawBits }: CounterParts = {},
): Promise<readonly Handler[]> {
  const { gossip: intervalMs, page, journal: compactLength } = { ...COUNTER_LIMITS, ...own };
  const { nodeId, clock } = context;
  const epoch = drawEpoch(context);
  const folder = await openFolder?.();
  const life = { nodeId, epoch, clock, folder, compactLength, slots: createSlots() };
  const counter = await DurableCounter.open({ ...life, ...(openJournal && { openJournal }) });
  const gossip = new Gossip({ context, counter, epoch, intervalMs, page });
  context.report('counter', () => ({
    slots: counter.slots.count,
    'journal-length': counter.length,
    ...gossip.figures,
  }));
  context.diagnose('counter', () => counter.failure && `it counts no more: ${counter.failure.message}`);
  void gossip.run();
  return counterHandlers(counter, gossip, refuse);
}

function counterHandlers(
  counter: DurableCounter,
  gossip: Gossip,
  refuse: NonNullable<CounterParts['refuse']>,
): readonly Handler[] {
  return [
    handler(Add, ({ delta }, origin) => {
      const refusal = refuse(delta);
      if (refusal !== undefined) throw RpcError.of('malformed-request', `body.delta: ${refusal}`);
      // Nothing changes, so nothing is stored.
      if (delta === 0) return {};
      return counter.add(delta, origin);
    }),
    handler(Read, () => ({ value: readSum(counter.slots.sum) })),
    handler(CounterGossip, (request, { src }) => gossip.answer(request, src)),
  ];
}

function readSum(sum: bigint): number {
  const value = Number(sum);
  if (!Number.isSafeInteger(value)) throw RpcError.of('precondition-failed', `the sum ${sum} is beyond ±(2^53 − 1)`);
  return value;
}

function refuseNegative(delta: number): string | undefined {
  return delta < 0 ? 'this counter only grows' : undefined;
}

function drawBits({ randomUint32 }: NodeContext): string {
  return [randomUint32(), randomUint32()].map((word) => word.toString(16).padStart(8, '0')).join('');
}

const RPCS = [Add, Read, CounterGossip];

/** A node that serves both is a pn-counter. */
const start: ServedWorkload['start'] = (context, ports) => {
  const grows = ports.served?.includes('g-counter') === true && !ports.served.includes('pn-counter');
  return startCounter(context, ports, grows ? { refuse: refuseNegative } : {});
};

export const gCounterNode: ServedWorkload = { name: 'g-counter', rpcs: RPCS, start, whenAsked: true };

export const pnCounterNode: ServedWorkload = { name: 'pn-counter', rpcs: RPCS, start, whenAsked: true };
