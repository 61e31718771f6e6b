/**
 * Recorded operations, checked and put into a history. A process does one thing at a time.
 */

import { isRecord } from '../../protocol/message.ts';
import { History } from '../history.ts';
import { NEMESIS, type OperationEntry, type OperationType } from '../operation.ts';
import { Interning } from './interning.ts';

/** The largest number in the process column of a {@link History}. */
const PROCESS_MAX = 2 ** 31 - 1;
const TYPES: readonly unknown[] = ['invoke', 'ok', 'fail', 'info'] satisfies readonly OperationType[];

/** Gathers a history. */
export class OperationReader {
  readonly history = new History();
  readonly #busy = new Set<number>();
  readonly #interning = new Interning();

  /** Adds an operation. Returns what is wrong with it, in words; undefined if it was added. */
  add(recorded: unknown): string | undefined {
    const entry = parseOperation(recorded);
    if (typeof entry === 'string') return entry;
    const { process, type, f, value } = entry;
    if (process !== NEMESIS) {
      const isBusy = this.#busy.has(process);
      if (type === 'invoke' && isBusy) return `process ${process} invokes ${f} while its last operation is open`;
      if (type !== 'invoke' && !isBusy) return `process ${process} completes ${f} without an invocation`;
      if (isBusy) this.#busy.delete(process);
      else this.#busy.add(process);
    }
    this.history.append({ ...entry, value: this.#interning.intern(value) });
    return undefined;
  }
}

/** The operation in a record; a text that says what is wrong with it. Other members of the record are left out. */
export function parseOperation(recorded: unknown): OperationEntry | string {
  if (!isRecord(recorded)) return 'expected an operation: a map with type, process, f and value';
  const { time = 0, type, process, f, value, error } = recorded;
  if (!TYPES.includes(type)) return 'expected an operation: its type must be invoke, ok, fail or info';
  if (!isProcess(process)) return 'expected an operation: its process must be a number from 0 on, or nemesis';
  if (typeof f !== 'string') return 'expected an operation: its f must be the name of a function';
  if (typeof time !== 'number') return 'expected an operation: its time must be nanoseconds since the start of the run';
  const entry = { time, type: type as OperationType, process, f, value };
  const isFinal = recorded['final?'] === true;
  if ((error === undefined || error === null) && !isFinal) return entry;
  return { ...entry, ...(error !== undefined && error !== null && { error }), ...(isFinal && { 'final?': true }) };
}

function isProcess(value: unknown): value is OperationEntry['process'] {
  if (value === NEMESIS) return true;
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= PROCESS_MAX;
}
