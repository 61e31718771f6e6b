/**
 * The faults there are: their names on the command line, what each of them hits, and how one of them is written down so
 * that it can be done again. The words are those of Jepsen's nemeses, turmoil and madsim.
 */

/** Cuts between nodes. `partition` draws the four shapes of Jepsen; the other two are not among them. */
export const PARTITION_FAULTS = ['partition', 'bridge', 'one-way'] as const;
/** Faults of the cables. */
export const CUT_FAULTS = [...PARTITION_FAULTS, 'service-cut'] as const;
/** What happens to single messages, each with its own probability. */
export const MESSAGE_FAULTS = ['loss', 'duplication', 'reordering', 'delay'] as const;
/**
 * Ends of a node, followed by a restart. What the disk keeps, and whether the clock is set back meanwhile, is the
 * difference.
 */
export const KILL_FAULTS = ['kill', 'kill-all', 'disk-unsynced', 'disk-torn', 'disk-loss', 'clock-restart'] as const;
export const CLOCK_FAULTS = ['clock-jump', 'clock-drift', 'clock-freeze'] as const;

export const FAULTS = [...CUT_FAULTS, ...MESSAGE_FAULTS, ...KILL_FAULTS, 'pause', ...CLOCK_FAULTS] as const;
export type Fault = (typeof FAULTS)[number];
export type CutFault = (typeof CUT_FAULTS)[number];
export type MessageFault = (typeof MESSAGE_FAULTS)[number];
export type KillFault = (typeof KILL_FAULTS)[number];

/** Faults that only a simulated machine can suffer: nobody can do this to a process from outside. */
const MACHINE_FAULTS: ReadonlySet<Fault> = new Set([
  'disk-unsynced',
  'disk-torn',
  'disk-loss',
  'clock-restart',
  ...CLOCK_FAULTS,
]);

export function needsMachine(fault: Fault): boolean {
  return MACHINE_FAULTS.has(fault);
}

export function isMessageFault(fault: Fault): fault is MessageFault {
  return (MESSAGE_FAULTS as readonly Fault[]).includes(fault);
}

/** Which senders each receiver does not hear. */
export type GrudgeRecord = Readonly<Record<string, readonly string[]>>;

export interface ClockFault {
  /** How far it moves the wall clock, ms. */
  readonly wallOffsetMs?: number;
  /** How fast both clocks run; 1 is right, 0 stands still. Absent: 1. */
  readonly rate?: number;
  /** The wall clock stands still, the monotonic one goes on. */
  readonly wallFrozen?: boolean;
}

/** A power failure; one that may also tear what it did not lose; the loss of the disk. */
export type DiskDamage = 'unsynced' | 'torn' | 'lost';

/** A fault that lasts, with everything about it decided. */
export type FaultEvent = {
  /** ms since the operations began. */
  readonly atMs: number;
  /** How long it lasts; afterwards it is undone: healed, restarted, resumed, set right. */
  readonly durationMs: number;
} & (
  | { readonly fault: CutFault; readonly shape: string; readonly grudge: GrudgeRecord }
  | {
      readonly fault: KillFault;
      readonly nodes: readonly string[];
      readonly damage?: DiskDamage;
      /** What the clocks of these nodes show from the restart on. */
      readonly clock?: ClockFault;
    }
  | { readonly fault: 'pause'; readonly nodes: readonly string[] }
  | { readonly fault: (typeof CLOCK_FAULTS)[number]; readonly nodes: readonly string[]; readonly clock: ClockFault }
);

/** What becomes of one message: the `nth` from `src` to `dest`, counted from 0. */
export interface MessageEvent {
  readonly fault: MessageFault;
  readonly src: string;
  readonly dest: string;
  readonly nth: number;
  /** How much later it comes, or for a duplication its copy; ms. Not for a loss. */
  readonly delayMs?: number;
}
