/**
 * The nemesis carries out each fault at its time and undoes it when its time is over. Every step is in the history
 * twice, as in Jepsen: first the intent, then the effect.
 *
 * The nemesis draws nothing: all faults are decided before (`fault-plan.ts`). So the same code carries out a recorded
 * schedule.
 */

import { beginStep, endStep } from '../checkers/fault-steps.ts';
import { NEMESIS, type OperationEntry } from '../history/operation.ts';
import type { Scheduler } from '../protocol/scheduler.ts';
import type { Engine } from './bed.ts';
import {
  type ClockFault,
  type DiskDamage,
  type EngineFaultEvent,
  type FaultEvent,
  type GrudgeRecord,
  grudgePairs,
  isEngineEvent,
} from './fault.ts';
import { describeGrudge } from './grudge.ts';

/**
 * What faults are injected into. `kill` and `pause` return the nodes that they hit: a node that is down cannot be
 * killed.
 */
export interface FaultTarget {
  cut(grudge: GrudgeRecord): void;
  mend(grudge: GrudgeRecord): void;
  kill(nodes: readonly string[], damage: DiskDamage | undefined): readonly string[];
  restart(nodes: readonly string[]): void;
  pause(nodes: readonly string[]): readonly string[];
  resume(nodes: readonly string[]): void;
  /** Returns a function that undoes the fault. */
  disturbClock(nodes: readonly string[], fault: ClockFault): () => void;
  /** The store under the nodes. Absent: no fault of it may be injected. */
  readonly engine?: Engine | undefined;
}

/** How often the connections of a link are reset as long as `link-reset` lasts, ms. */
const RESET_EVERY_MS = 200;

/** A fault that was carried out. */
interface CarriedOut {
  /** For the progress line; undefined if nothing was hit. */
  readonly text: string | undefined;
  /** For the history: what was hit. */
  readonly done: unknown;
  /** Undoes it, and returns the value for the history. */
  readonly undo: () => unknown;
}

export interface NemesisOptions {
  readonly target: FaultTarget;
  /** Its clock counts from the start of the operations. */
  readonly scheduler: Scheduler;
  /** Rows of events, each in the order of its times. Rows do not wait for each other. */
  readonly plan: readonly Iterable<FaultEvent>[];
  /** From this moment on no planned fault begins or ends, ms since the start. */
  readonly endMs: number;
  readonly record: (entry: Pick<OperationEntry, 'process' | 'type' | 'f' | 'value'>) => void;
  /** Called for every fault when it begins. */
  readonly onBegin?: ((event: FaultEvent) => void) | undefined;
}

interface Active {
  /** Undefined if no node was hit. */
  readonly text: string | undefined;
  readonly end: () => void;
}

export class Nemesis {
  readonly #options: NemesisOptions;
  readonly #active = new Set<Active>();
  readonly #timers = new Set<() => void>();
  /** For each node restarted with its clock set back: sets the clock right. */
  readonly #clocksSetBack = new Map<string, () => void>();

  constructor(options: NemesisOptions) {
    this.#options = options;
  }

  /** The faults in force, in a few words; undefined if there is none. */
  get currentFault(): string | undefined {
    const texts = [...this.#active].flatMap(({ text }) => text ?? []);
    return texts.length === 0 ? undefined : texts.join('; ');
  }

  /** Whether any fault is in force. */
  get isActive(): boolean {
    return this.#active.size > 0;
  }

  start(): void {
    for (const row of this.#options.plan) this.#follow(row[Symbol.iterator]());
  }

  /** Begins and ends no more planned faults. A fault in force stays in force. */
  rest(): void {
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }

  /** Undoes every fault in force, and begins no more. */
  heal(): void {
    this.rest();
    for (const active of [...this.#active]) active.end();
  }

  /** Injects one fault now, and undoes it when its time is over. */
  inject(event: FaultEvent): void {
    const active = this.#begin(event);
    this.#after(event.durationMs, active.end);
  }

  #follow(row: Iterator<FaultEvent>): void {
    const next = row.next();
    if (next.done) return;
    const event = next.value;
    const nowMs = this.#options.scheduler.now();
    const begin = () => {
      if (this.#options.scheduler.now() >= this.#options.endMs) return;
      const active = this.#begin(event);
      this.#after(event.durationMs, () => {
        if (this.#options.scheduler.now() >= this.#options.endMs) return;
        active.end();
        this.#follow(row);
      });
    };
    if (event.atMs <= nowMs) begin();
    else this.#after(event.atMs - nowMs, begin);
  }

  #after(delayMs: number, act: () => void): void {
    const cancel = this.#options.scheduler.schedule(delayMs, () => {
      this.#timers.delete(cancel);
      act();
    });
    this.#timers.add(cancel);
  }

  #begin(event: FaultEvent): Active {
    this.#options.onBegin?.({ ...event, atMs: this.#options.scheduler.now() });
    const { text, done, undo } = this.#carryOut(event);
    this.#record(beginStep(event.fault), done);
    const active: Active = {
      text,
      end: () => {
        if (!this.#active.delete(active)) return;
        const f = endStep(event.fault);
        this.#record(f, null);
        this.#record(f, undo());
      },
    };
    this.#active.add(active);
    return active;
  }

  #carryOut(event: FaultEvent): CarriedOut {
    const { target } = this.#options;
    const announce = (value: unknown) => this.#record(beginStep(event.fault), value);
    if (isEngineEvent(event)) {
      announce('shape' in event ? event.shape : null);
      return this.#hitEngine(event, engineOf(target));
    }
    switch (event.fault) {
      case 'partition':
      case 'bridge':
      case 'one-way':
      case 'service-cut':
        announce(event.shape);
        return this.#cut(event);
      case 'pause': {
        announce(null);
        const hit = target.pause(event.nodes);
        return {
          text: textOf(hit, 'paused'),
          done: hit,
          undo: () => {
            target.resume(hit);
            return 'resumed';
          },
        };
      }
      case 'clock-jump':
      case 'clock-drift':
      case 'clock-freeze': {
        announce(null);
        const setRight = target.disturbClock(event.nodes, event.clock);
        return {
          text: `${event.fault} on ${event.nodes.join(',')}`,
          done: { nodes: event.nodes, ...event.clock },
          undo: () => {
            setRight();
            return 'clocks-set-right';
          },
        };
      }
      default: {
        announce(null);
        const { nodes, damage, clock } = event;
        const hit = target.kill(nodes, damage);
        return {
          text: textOf(hit, 'killed'),
          done: damage === undefined && clock === undefined ? hit : { nodes: hit, damage, ...clock },
          undo: () => {
            if (clock !== undefined) this.#setBack(hit, clock);
            target.restart(hit);
            return 'restarted';
          },
        };
      }
    }
  }

  #cut({ fault, shape, grudge }: Extract<FaultEvent, { readonly shape: string }>): CarriedOut {
    const { target } = this.#options;
    target.cut(grudge);
    return {
      text: `${fault} ${shape} (${describeGrudge(new Map(Object.entries(grudge)))})`,
      done: ['isolated', grudge],
      undo: () => {
        target.mend(grudge);
        return 'network-healed';
      },
    };
  }

  #hitEngine(event: EngineFaultEvent, engine: Engine): CarriedOut {
    switch (event.fault) {
      case 'engine-kill':
      case 'engine-kill-all':
        return killMembers(engine, event.members);
      case 'engine-leader': {
        const leader = engine.leader();
        return killMembers(engine, leader === undefined ? [] : [leader]);
      }
      case 'engine-partition':
        return this.#cut(event);
      case 'engine-pause': {
        const hit = engine.pause(event.members);
        const undo = () => {
          engine.resume(hit);
          return 'resumed';
        };
        return { text: textOf(hit, 'paused'), done: hit, undo };
      }
      case 'engine-full': {
        const makeRoom = engine.fill();
        const undo = () => {
          makeRoom();
          return 'room-made';
        };
        return { text: 'the database filled up', done: { nodes: engine.members, full: true }, undo };
      }
      case 'link-delay': {
        const { links, delayMs } = event;
        const undos = grudgePairs(links).map(({ src, dest }) => engine.delay(src, dest, delayMs));
        const undo = () => {
          for (const undoOne of undos) undoOne();
          return 'links-fast';
        };
        return { text: `links delayed by ${delayMs} ms`, done: { links, delayMs }, undo };
      }
      case 'link-reset': {
        const { links } = event;
        let isInForce = true;
        const resetAll = () => {
          if (!isInForce) return;
          for (const { src, dest } of grudgePairs(links)) engine.reset(src, dest);
          this.#after(RESET_EVERY_MS, resetAll);
        };
        resetAll();
        const undo = () => {
          isInForce = false;
          return 'links-stable';
        };
        return { text: 'links reset', done: { links }, undo };
      }
    }
  }

  /** Sets clocks back until everything is healed. Setting a clock back again replaces the earlier offset. */
  #setBack(nodes: readonly string[], fault: ClockFault): void {
    for (const node of nodes) {
      this.#clocksSetBack.get(node)?.();
      this.#clocksSetBack.set(node, this.#options.target.disturbClock([node], fault));
    }
  }

  #record(f: string, value: unknown): void {
    this.#options.record({ process: NEMESIS, type: 'info', f, value });
  }
}

function engineOf({ engine }: FaultTarget): Engine {
  if (engine === undefined) throw new Error('there is no engine under these nodes whose members could be hit');
  return engine;
}

function killMembers(engine: Engine, members: readonly string[]): CarriedOut {
  const hit = engine.kill(members);
  const undo = () => {
    engine.restart(hit);
    return 'restarted';
  };
  return { text: textOf(hit, 'killed'), done: hit, undo };
}

function textOf(hit: readonly string[], done: string): string | undefined {
  return hit.length === 0 ? undefined : `${hit.join(',')} ${done}`;
}
