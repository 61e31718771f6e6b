/**
 * Draws the faults of a run: for each kind an endless row of events in turn with quiet times, both drawn uniformly from
 * 0 to twice the kind's interval, as Jepsen's partition nemesis does. Nodes are down and paused for a quarter of that,
 * or under several kinds at once nobody would ever be there. Every kind draws from a stream of its own, so that adding
 * one moves no other.
 */

import type { SeededRandom } from '../protocol/random.ts';
import {
  type ClockFault,
  type Fault,
  type FaultEvent,
  type GrudgeRecord,
  isMessageFault,
  KILL_FAULTS,
  type MessageEvent,
  type MessageFault,
} from './fault.ts';
import { type CutShape, createGrudge, createServiceGrudge, type Grudge, partitionShapes } from './grudge.ts';
import type { DrawFate } from './network.ts';

/** Clocks are put wrong by up to 2^22 ms, 70 minutes, small amounts being as likely as large ones. */
const CLOCK_ERROR_BITS_MAX = 22;
const DRIFT_RATES = [0.5, 0.9, 0.999, 1.001, 1.1, 2] as const;

/** How long a node is stopped, to how long it is not. */
const STOPPED_SHARE = 0.25;

/** The probability that a message fault hits a message, where none is given. */
export const MESSAGE_FAULT_RATE_DEFAULT = 0.02;
/** A delayed message is later than any client and any RPC waits for it. */
const DELAY_MS_MIN = 1000;
const DELAY_MS_MAX = 12_000;
/** What is reordered is overtaken by what is sent up to so much later. */
const REORDERING_MS_MAX = 100;

export interface FaultPlanOptions {
  readonly faults: readonly Fault[];
  /** The mean interval of a fault in ms, or the probability of a message fault, where it is not the default. */
  readonly faultValues: Readonly<Partial<Record<Fault, number>>>;
  readonly intervalMs: number;
  readonly nodes: readonly string[];
  readonly services: readonly string[];
  readonly random: SeededRandom;
}

/** The events of each kind, in their order; each row is drawn as it is read. */
export function planFaults(options: FaultPlanOptions): Iterable<FaultEvent>[] {
  const { faults, faultValues, intervalMs, random } = options;
  return faults
    .filter((fault) => !isMessageFault(fault))
    .map((fault) => drawEvents(fault, faultValues[fault] ?? intervalMs, options, random.fork(fault)));
}

function* drawEvents(
  fault: Fault,
  intervalMs: number,
  options: FaultPlanOptions,
  random: SeededRandom,
): Iterable<FaultEvent> {
  // A partition comes at once, as in Jepsen; the others would all hit the same moment, and a node can be killed once.
  let atMs = fault === 'partition' ? 0 : random.float() * 2 * intervalMs;
  for (;;) {
    const event = drawEvent(fault, options, random);
    const durationMs = random.float() * 2 * intervalMs * (stops(fault) ? STOPPED_SHARE : 1);
    yield { atMs, durationMs, ...event } as FaultEvent;
    atMs += durationMs + random.float() * 2 * intervalMs;
  }
}

function stops(fault: Fault): boolean {
  return fault === 'pause' || (KILL_FAULTS as readonly Fault[]).includes(fault);
}

type Drawn = FaultEvent extends infer Event
  ? Event extends FaultEvent
    ? Omit<Event, 'atMs' | 'durationMs'>
    : never
  : never;

function drawEvent(fault: Fault, { nodes, services }: FaultPlanOptions, random: SeededRandom): Drawn {
  const someNodes = () =>
    random.shuffle(nodes).slice(0, random.integer(2) === 0 ? 1 : 1 + random.integer(nodes.length));
  switch (fault) {
    case 'partition': {
      const shape = random.pick(partitionShapes(nodes.length));
      return { fault, ...cut(shape, createGrudge(shape, nodes, random)) };
    }
    case 'bridge':
    case 'one-way':
      return { fault, ...cut(fault, createGrudge(fault, nodes, random)) };
    case 'service-cut': {
      const { shape, grudge } = createServiceGrudge(nodes, services, random);
      return { fault, shape, grudge: Object.fromEntries(grudge) };
    }
    case 'kill':
      return { fault, nodes: someNodes() };
    case 'kill-all':
      return { fault, nodes };
    case 'disk-unsynced':
      return { fault, nodes: someNodes(), damage: 'unsynced' };
    case 'disk-torn':
      return { fault, nodes: someNodes(), damage: 'torn' };
    case 'disk-loss':
      return { fault, nodes: someNodes(), damage: 'lost' };
    case 'clock-restart':
      return { fault, nodes: someNodes(), clock: { wallOffsetMs: -drawClockErrorMs(random) } };
    case 'pause':
      return { fault, nodes: someNodes() };
    case 'clock-jump':
      return {
        fault,
        nodes: someNodes(),
        clock: { wallOffsetMs: drawClockErrorMs(random) * (1 - 2 * random.integer(2)) },
      };
    case 'clock-drift':
      return { fault, nodes: someNodes(), clock: { rate: random.pick(DRIFT_RATES) } };
    case 'clock-freeze': {
      const clock: ClockFault = random.integer(2) === 0 ? { rate: 0 } : { wallFrozen: true };
      return { fault, nodes: someNodes(), clock };
    }
    default:
      throw new Error(`${fault} happens to messages, not at a time`);
  }
}

function cut(shape: CutShape, grudge: Grudge): { shape: string; grudge: GrudgeRecord } {
  return { shape, grudge: Object.fromEntries(grudge) };
}

function drawClockErrorMs(random: SeededRandom): number {
  return 1 + random.integer(2 ** (1 + random.integer(CLOCK_ERROR_BITS_MAX)));
}

/**
 * Decides what happens to every message. Each link draws from a stream of its own and the same number of times for each
 * message, so the fate of the nth message of a link does not depend on what else happens. Undefined when no message
 * fault was asked for.
 */
export function planFates({ faults, faultValues, random }: FaultPlanOptions): DrawFate | undefined {
  const rates = faults
    .filter(isMessageFault)
    .map((fault) => ({ fault, rate: faultValues[fault] ?? MESSAGE_FAULT_RATE_DEFAULT }));
  if (rates.length === 0) return undefined;
  const links = new Map<string, SeededRandom>();
  return (src, dest, nth) => {
    const link = `${src} ${dest}`;
    let stream = links.get(link);
    if (stream === undefined) {
      stream = random.fork(link);
      links.set(link, stream);
    }
    let draw = stream.float();
    const share = stream.float();
    for (const { fault, rate } of rates) {
      if (draw < rate) return { fault, src, dest, nth, ...delayOf(fault, share) };
      draw -= rate;
    }
    return undefined;
  };
}

function delayOf(fault: MessageFault, share: number): Pick<MessageEvent, 'delayMs'> {
  switch (fault) {
    case 'loss':
      return {};
    case 'reordering':
      return { delayMs: Math.ceil(share * REORDERING_MS_MAX) };
    case 'delay':
      return { delayMs: Math.ceil(DELAY_MS_MIN + share * (DELAY_MS_MAX - DELAY_MS_MIN)) };
    case 'duplication':
      // As a packet that is sent again at once, or much later.
      return { delayMs: Math.ceil(share * share * share * DELAY_MS_MAX) };
  }
}
