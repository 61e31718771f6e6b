/**
 * Draws the faults of a run. Each kind has an endless row of events with quiet times between them. Both durations are
 * drawn uniformly from 0 to twice the kind's interval, as in Jepsen's partition nemesis. Nodes stay down or paused for
 * a quarter of that: otherwise, under several kinds at once, no node would ever be up. Faults of the store under them
 * last a tenth. Every kind draws from a stream of its own, so adding a kind does not change the others.
 */

import type { SeededRandom } from '../protocol/random.ts';
import {
  type ClockFault,
  type EngineFault,
  type Fault,
  type FaultEvent,
  type GrudgeRecord,
  isEngineFault,
  isMessageFault,
  KILL_FAULTS,
  type MessageEvent,
  type MessageFault,
} from './fault.ts';
import { type CutShape, createGrudge, createServiceGrudge, type Grudge, partitionShapes } from './grudge.ts';
import type { DrawFate } from './network.ts';

/**
 * Clock errors are at most 2^22 ms (70 minutes). The bound is drawn among powers of two, so small errors are as common
 * as large ones.
 */
const CLOCK_ERROR_BITS_MAX = 22;
/** A delay of a link: from hardly any to longer than the engine waits for an answer. */
const LINK_DELAY_MS_MAX = 1000;
const DRIFT_RATES = [0.5, 0.9, 0.999, 1.001, 1.1, 2] as const;

/** How long a node is stopped, relative to the kind's interval. */
const STOPPED_SHARE = 0.25;
/**
 * How long a fault of the store under the nodes lasts, relative to the kind's interval. All nodes need that store, and
 * most of its faults stop it: with longer ones there would be no time without a fault in which work is done.
 */
const ENGINE_SHARE = 0.1;

/** The default probability that a message fault hits a message. */
export const MESSAGE_FAULT_RATE_DEFAULT = 0.02;
/** Delays can exceed every timeout of clients and RPCs. */
const DELAY_MS_MIN = 1000;
const DELAY_MS_MAX = 12_000;
/** A reordered message is overtaken by messages sent up to this much later. */
const REORDERING_MS_MAX = 100;

export interface FaultPlanOptions {
  readonly faults: readonly Fault[];
  /** The mean interval of a fault in ms, or the probability of a message fault. Absent: the default. */
  readonly faultValues: Readonly<Partial<Record<Fault, number>>>;
  readonly intervalMs: number;
  readonly nodes: readonly string[];
  /** The services that nodes can be cut from. */
  readonly services: readonly string[];
  /** The members of the store under the nodes; none if there is no such store. */
  readonly members: readonly string[];
  /** See `Engine`. */
  readonly hasPeerLinks: boolean;
  /** Whether no disk but one is lost at once. Absent: false. */
  readonly losesOneDisk?: boolean;
  readonly random: SeededRandom;
}

/** A row of events for each kind, in the order of their times. Each row is drawn as it is read. */
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
  // A partition begins at once, as in Jepsen. The other kinds start spread out: a node that is down cannot be killed
  // again.
  let atMs = fault === 'partition' ? 0 : random.float() * 2 * intervalMs;
  for (;;) {
    const event = drawEvent(fault, options, random);
    const durationMs = random.float() * 2 * intervalMs * shareOf(fault, options);
    yield { atMs, durationMs, ...event } as FaultEvent;
    atMs += durationMs + random.float() * 2 * intervalMs;
  }
}

/** How long a fault lasts, relative to the time between two of its kind. */
function shareOf(fault: Fault, { members }: FaultPlanOptions): number {
  const hitsEngine = isEngineFault(fault) || (fault === 'service-cut' && members.length > 0);
  if (hitsEngine) return ENGINE_SHARE;
  return fault === 'pause' || (KILL_FAULTS as readonly Fault[]).includes(fault) ? STOPPED_SHARE : 1;
}

type Drawn = FaultEvent extends infer Event
  ? Event extends FaultEvent
    ? Omit<Event, 'atMs' | 'durationMs'>
    : never
  : never;

function drawEvent(fault: Fault, options: FaultPlanOptions, random: SeededRandom): Drawn {
  if (isEngineFault(fault)) return drawEngineEvent(fault, options, random);
  const { nodes, services } = options;
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
      return { fault, nodes: options.losesOneDisk ? [random.pick(nodes)] : someNodes(), damage: 'lost' };
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
      throw new Error(`${fault} is a fault of single messages and has no time`);
  }
}

function drawEngineEvent(fault: EngineFault, options: FaultPlanOptions, random: SeededRandom): Drawn {
  const { members } = options;
  switch (fault) {
    case 'engine-kill':
    case 'engine-pause':
      return { fault, members: [random.pick(members)] };
    case 'engine-kill-all':
      return { fault, members };
    case 'engine-leader':
    case 'engine-full':
      return { fault };
    case 'engine-partition': {
      const shape = random.pick([...partitionShapes(members.length), 'bridge' as const, 'one-way' as const]);
      return { fault, ...cut(shape, createGrudge(shape, members, random)) };
    }
    case 'link-delay':
      return { fault, links: drawLinks(options, random), delayMs: 1 + random.integer(LINK_DELAY_MS_MAX) };
    case 'link-reset':
      return { fault, links: drawLinks(options, random) };
  }
}

/** Some directed links between nodes and members, or between members: one link, or any number of them. */
function drawLinks({ nodes, members, hasPeerLinks }: FaultPlanOptions, random: SeededRandom): GrudgeRecord {
  const peersOf = (member: string) => (hasPeerLinks ? members.filter((other) => other !== member) : []);
  const links = members.flatMap((member) => [
    ...nodes.flatMap((node) => [
      [node, member],
      [member, node],
    ]),
    ...peersOf(member).map((other) => [member, other]),
  ]) as [src: string, dest: string][];
  const count = random.integer(2) === 0 ? 1 : 1 + random.integer(links.length);
  const drawn: Record<string, string[]> = {};
  for (const [src, dest] of random.shuffle(links).slice(0, count)) {
    const sources = drawn[dest] ?? [];
    drawn[dest] = [...sources, src];
  }
  return drawn;
}

function cut(shape: CutShape, grudge: Grudge): { shape: string; grudge: GrudgeRecord } {
  return { shape, grudge: Object.fromEntries(grudge) };
}

function drawClockErrorMs(random: SeededRandom): number {
  return 1 + random.integer(2 ** (1 + random.integer(CLOCK_ERROR_BITS_MAX)));
}

/**
 * Decides the fate of every message. Each link draws from a stream of its own, and equally often for each message. So
 * the fate of the nth message of a link depends on nothing else in the run. Undefined if no message fault was chosen.
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
      // Like a packet that is sent again: mostly soon, sometimes much later.
      return { delayMs: Math.ceil(share * share * share * DELAY_MS_MAX) };
  }
}
