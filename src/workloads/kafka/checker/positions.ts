/**
 * From which offsets the processes poll next, as Maelstrom's client has it: an assigned key starts at 0 or, if it was
 * assigned before, where it was; an answer moves it behind the greatest offset, never back.
 *
 * A history does not tell whether an assign went back to the beginning, nor what a failed poll had polled. So a
 * position is an interval.
 */

import type { History } from '../../../history/history.ts';
import { assignedKeys } from './kafka-events.ts';

export interface Position {
  readonly least: number;
  readonly most: number;
}

const START: Position = { least: 0, most: 0 };

export class Positions {
  readonly #history: History;
  readonly #byProcess = new Map<number, Map<string, Position>>();
  /** What the answers to one poll do, done when all of them have been looked at. */
  readonly #moved = new Map<string, number>();
  #mover = -1;
  #passed = 0;

  constructor(history: History) {
    this.#history = history;
  }

  /** Undefined if the process is not assigned to the key. */
  of(process: number, key: string): Position | undefined {
    return this.#byProcess.get(process)?.get(key);
  }

  /** Takes in what happened before an operation. */
  passTo(index: number): void {
    for (; this.#passed < index; this.#passed++) this.#pass(this.#passed);
  }

  /** An ok poll had messages of a key up to an offset; -1 without any. To be told after `passTo` of the operation. */
  polled(operation: number, key: string, greatest: number): void {
    this.#mover = operation;
    this.#moved.set(key, greatest + 1);
  }

  #pass(index: number): void {
    if (index === this.#mover) this.#move();
    if (this.#history.isNemesisAt(index)) return;
    const [f, type] = [this.#history.functionAt(index), this.#history.typeAt(index)];
    const process = this.#history.processAt(index);
    if (f === 'assign' && type === 'ok') {
      const before = this.#byProcess.get(process);
      const named = assignedKeys(this.#history, index);
      this.#byProcess.set(process, new Map(named.map((key) => [key, { ...START, most: before?.get(key)?.most ?? 0 }])));
    } else if (f === 'poll' && type === 'fail') {
      const positions = this.#byProcess.get(process);
      for (const [key, { least }] of positions ?? []) positions?.set(key, { least, most: Number.POSITIVE_INFINITY });
    }
  }

  #move(): void {
    if (this.#mover === -1) return;
    const process = this.#history.processAt(this.#mover);
    const positions = this.#byProcess.get(process) ?? new Map<string, Position>();
    this.#byProcess.set(process, positions);
    for (const [key, next] of this.#moved) {
      const { least, most } = positions.get(key) ?? START;
      const reached = Math.max(least, next);
      // Messages show where the poll was: not behind the first of them.
      positions.set(key, { least: reached, most: next > 0 ? reached : most });
    }
    this.#moved.clear();
    this.#mover = -1;
  }
}
