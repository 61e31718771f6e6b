/** The log of a run: its history, and the violations of the protocol, which no history shows. */

import type { Violation } from '../checkers/violations.ts';
import { History } from '../history/history.ts';
import type { Operation, OperationType } from '../history/operation.ts';
import type { Scheduler } from '../protocol/scheduler.ts';

/** Later violations are only counted: a node that prints only garbage must not fill the memory. */
const VIOLATIONS_MAX = 10_000;
const LINE_EXCERPT_LENGTH = 500;
const NANOSECONDS_PER_MILLISECOND = 1e6;

export class RunLog {
  readonly history = new History();
  readonly #scheduler: Scheduler;
  readonly #onOperation: ((operation: Operation) => void) | undefined;
  readonly #violations: Violation[] = [];
  #violationCount = 0;
  #startMs = Number.POSITIVE_INFINITY;

  constructor(scheduler: Scheduler, onOperation: ((operation: Operation) => void) | undefined) {
    this.#scheduler = scheduler;
    this.#onOperation = onOperation;
  }

  /** The first of them. */
  get violations(): readonly Violation[] {
    return this.#violations;
  }

  /** How many there are, also of those that are not kept. */
  get violationCount(): number {
    return this.#violationCount;
  }

  /** When the operations began, by the scheduler's clock; infinite before that. */
  get startMs(): number {
    return this.#startMs;
  }

  /** The operations begin now. */
  begin(): void {
    this.#startMs = this.#scheduler.now();
  }

  /** The time since the operations began, ms; 0 before that. */
  elapsedMs(): number {
    return Math.max(0, this.#scheduler.now() - this.#startMs);
  }

  /** @param final whether it is marked as final */
  record(
    process: Operation['process'],
    type: OperationType,
    f: string,
    value: unknown,
    error?: unknown,
    final?: true,
  ): void {
    const time = this.#elapsedNs();
    const index = this.history.length;
    // Only two object shapes, for speed: this runs twice an operation, and every observer reads the result.
    const plain: Operation =
      error === undefined ? { index, time, type, process, f, value } : { index, time, type, process, f, value, error };
    const operation = final ? { ...plain, 'final?': final } : plain;
    this.history.append(operation);
    this.#onOperation?.(operation);
  }

  report({ line, ...violation }: Violation): void {
    this.#violationCount++;
    if (this.#violations.length >= VIOLATIONS_MAX) return;
    const excerpt = line === undefined ? {} : { line: line.slice(0, LINE_EXCERPT_LENGTH) };
    this.#violations.push({ time: this.#elapsedNs(), ...violation, ...excerpt });
  }

  #elapsedNs(): number {
    return Math.round(this.elapsedMs() * NANOSECONDS_PER_MILLISECOND);
  }
}
