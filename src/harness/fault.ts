/**
 * All faults: their names on the command line, what each one hits, and its recorded form, from which it can be
 * replayed. The words are those of Jepsen's nemeses, turmoil and madsim.
 */

/** Cuts between nodes. `partition` draws one of Jepsen's four shapes; the other two are shapes beyond those. */
const PARTITION_FAULTS = ['partition', 'bridge', 'one-way'] as const;
/** Faults of links. */
export const CUT_FAULTS = [...PARTITION_FAULTS, 'service-cut'] as const;
/** Faults of single messages, each with its own probability. */
export const MESSAGE_FAULTS = ['loss', 'duplication', 'reordering', 'delay'] as const;
/**
 * A node ends and is restarted. The kinds differ in what the disk keeps and whether the clock is set back meanwhile.
 */
export const KILL_FAULTS = ['kill', 'kill-all', 'disk-unsynced', 'disk-torn', 'disk-loss', 'clock-restart'] as const;
export const CLOCK_FAULTS = ['clock-jump', 'clock-drift', 'clock-freeze'] as const;

/** Faults of nodes, their machines and their messages. */
export const NODE_FAULTS = [...CUT_FAULTS, ...MESSAGE_FAULTS, ...KILL_FAULTS, 'pause', ...CLOCK_FAULTS] as const;

/** Faults of named members of the store under the nodes. */
const MEMBER_FAULTS = ['engine-kill', 'engine-kill-all', 'engine-pause'] as const;
/**
 * Faults of the store under the nodes (`Engine` in `bed.ts`). `engine-full` fills its database up to the quota;
 * `engine-partition` cuts its members from each other; the last two hit links between nodes and members, and between
 * members.
 */
const ENGINE_FAULTS = [
  ...MEMBER_FAULTS,
  'engine-leader',
  'engine-full',
  'engine-partition',
  'link-delay',
  'link-reset',
] as const;

export const FAULTS = [...NODE_FAULTS, ...ENGINE_FAULTS] as const;
/** The name of a fault. */
export type Fault = (typeof FAULTS)[number];
export type CutFault = (typeof CUT_FAULTS)[number];
export type MessageFault = (typeof MESSAGE_FAULTS)[number];
export type KillFault = (typeof KILL_FAULTS)[number];

/** Faults of simulated machines only: they cannot be injected into a real process from outside. */
const MACHINE_FAULTS: ReadonlySet<Fault> = new Set([
  'disk-unsynced',
  'disk-torn',
  'disk-loss',
  'clock-restart',
  ...CLOCK_FAULTS,
]);

/** Fewer nodes survive no loss of a disk if they survive it only one at a time: the others must be a majority. */
export const NODES_OF_LOSS_MIN = 3;

export function needsMachine(fault: Fault): boolean {
  return MACHINE_FAULTS.has(fault);
}

export type EngineFault = (typeof ENGINE_FAULTS)[number];

export function isEngineFault(fault: Fault): fault is EngineFault {
  return (ENGINE_FAULTS as readonly Fault[]).includes(fault);
}

export function isEngineEvent(event: FaultEvent): event is EngineFaultEvent {
  return isEngineFault(event.fault);
}

export function isMessageFault(fault: Fault): fault is MessageFault {
  return (MESSAGE_FAULTS as readonly Fault[]).includes(fault);
}

/** For each receiver, the senders that it does not hear, or the other end of a link that is hit. */
export type GrudgeRecord = Readonly<Record<string, readonly string[]>>;

/** A link in one direction. */
export type Link = Pick<MessageEvent, 'src' | 'dest'>;

/** Every link of a grudge. */
export function grudgePairs(grudge: GrudgeRecord): Link[] {
  return Object.entries(grudge).flatMap(([dest, sources]) => sources.map((src) => ({ src, dest })));
}

export interface ClockFault {
  /** How far it moves the wall clock, ms. */
  readonly wallOffsetMs?: number;
  /** The rate of both clocks: 1 is correct, 0 stands still. Absent: 1. */
  readonly rate?: number;
  /** The wall clock stands still, the monotonic one goes on. */
  readonly wallFrozen?: boolean;
}

/** A power failure; a power failure that may also tear files; the loss of the disk. */
export type DiskDamage = 'unsynced' | 'torn' | 'lost';

/** A fault with a duration. Everything about it is decided. */
export type FaultEvent = NodeFaultEvent | EngineFaultEvent;

interface Timing {
  /** ms since the operations began. */
  readonly atMs: number;
  /** How long it lasts, ms. Then it is undone: healed, restarted, resumed or the clock set right. */
  readonly durationMs: number;
}

/** A fault of nodes. Only these can be simulated and replayed. */
export type NodeFaultEvent = Timing &
  (
    | { readonly fault: CutFault; readonly shape: string; readonly grudge: GrudgeRecord }
    | {
        readonly fault: KillFault;
        readonly nodes: readonly string[];
        readonly damage?: DiskDamage;
        /** The clock fault of these nodes from the restart on. */
        readonly clock?: ClockFault;
      }
    | { readonly fault: 'pause'; readonly nodes: readonly string[] }
    | { readonly fault: (typeof CLOCK_FAULTS)[number]; readonly nodes: readonly string[]; readonly clock: ClockFault }
  );

export type EngineFaultEvent = Timing &
  (
    | { readonly fault: (typeof MEMBER_FAULTS)[number]; readonly members: readonly string[] }
    | { readonly fault: 'engine-partition'; readonly shape: string; readonly grudge: GrudgeRecord }
    /** `engine-leader` hits the member that leads at that moment. */
    | { readonly fault: 'engine-leader' | 'engine-full' }
    | { readonly fault: 'link-delay'; readonly links: GrudgeRecord; readonly delayMs: number }
    | { readonly fault: 'link-reset'; readonly links: GrudgeRecord }
  );

/** The fate of one message: the `nth` from `src` to `dest`, counted from 0. */
export interface MessageEvent {
  readonly fault: MessageFault;
  readonly src: string;
  readonly dest: string;
  readonly nth: number;
  /** How much later the message comes, or the copy of a duplication, ms. Absent for a loss. */
  readonly delayMs?: number;
}
