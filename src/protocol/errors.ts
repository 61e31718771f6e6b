/**
 * The errors of Maelstrom's protocol as data, and the one exception that carries them.
 *
 * A *definite* error promises that the operation did not happen and never will. All other errors are *indefinite*, also
 * codes that are not in the table: the operation may have happened. Source: Maelstrom, `resources/errors.edn`.
 */

import { isExactInteger, stringifyExact } from './exact-json.ts';
import { excerpt } from './excerpt.ts';

export interface ErrorDefinition {
  readonly code: number;
  readonly name: string;
  readonly definite: boolean;
  /** What the code means, for people. */
  readonly text: string;
}

export const ERRORS = [
  { code: 0, name: 'timeout', definite: false, text: 'no answer within the deadline' },
  { code: 1, name: 'node-not-found', definite: true, text: 'no such node in this network' },
  { code: 10, name: 'not-supported', definite: true, text: 'this node does not know that type of request' },
  { code: 11, name: 'temporarily-unavailable', definite: true, text: 'cannot be done now; try again later' },
  { code: 12, name: 'malformed-request', definite: true, text: 'the request is not as declared' },
  { code: 13, name: 'crash', definite: false, text: 'the request failed for an unknown reason and may have happened' },
  { code: 14, name: 'abort', definite: true, text: 'the request was given up and had no effect' },
  { code: 20, name: 'key-does-not-exist', definite: true, text: 'the key, or the thing named, does not exist' },
  { code: 21, name: 'key-already-exists', definite: true, text: 'the key, or the thing named, exists already' },
  { code: 22, name: 'precondition-failed', definite: true, text: 'the value is not the one the request expects' },
  { code: 30, name: 'txn-conflict', definite: true, text: 'another transaction was in the way' },
] as const satisfies readonly ErrorDefinition[];

/** The names in Maelstrom's table of errors. */
export type ErrorName = (typeof ERRORS)[number]['name'];

const BY_CODE: ReadonlyMap<number, ErrorDefinition> = new Map(ERRORS.map((error) => [error.code, error]));
const BY_NAME: ReadonlyMap<string, ErrorDefinition> = new Map(ERRORS.map((error) => [error.name, error]));

/** The table's entry for a code. Undefined for a custom code (1000 and more) and for nonsense. */
export function errorByCode(code: number): ErrorDefinition | undefined {
  return BY_CODE.get(code);
}

/** The table's entry for a name; undefined if there is none. */
export function errorByName(name: string): ErrorDefinition | undefined {
  return BY_NAME.get(name);
}

/**
 * The error answered, described by the `code` in its body: `error 11 (temporarily-unavailable)`, `error 1234`, `an
 * error without a code`.
 */
export function describeErrorCode(code: unknown): string {
  if (code === undefined) return 'an error without a code';
  if (!isExactInteger(code)) return `an error with the code ${excerpt(stringifyExact(code), CODE_LENGTH_MAX)}`;
  const definition = typeof code === 'number' ? errorByCode(code) : undefined;
  return `error ${excerpt(stringifyExact(code), CODE_LENGTH_MAX)}${definition === undefined ? '' : ` (${definition.name})`}`;
}

/** Whether `code` promises that nothing happened. Unknown codes promise nothing. */
export function isDefinite(code: number): boolean {
  return BY_CODE.get(code)?.definite ?? false;
}

/** A code that is shown: any sender may send any text. */
const CODE_LENGTH_MAX = 60;
const TEMPORARILY_UNAVAILABLE = 11;

/** Marks a class of errors in every copy of this file. */
const RPC_ERROR = Symbol.for('snowstorm.RpcError');

/**
 * An error that is answered to the sender as `{type: "error", code, text}`.
 *
 * @example
 * ```ts
 * import { RpcError } from 'snowstorm';
 *
 * export function refuseNegative(delta: number): void {
 *   if (delta < 0) throw RpcError.of('precondition-failed', 'this counter only grows');
 * }
 * ```
 */
export class RpcError extends Error {
  /** Of all errors of this class. */
  override readonly name = 'RpcError';
  /** Maelstrom's number of the error. */
  readonly code: number;

  /**
   * A node that an author made with the package, and the simulator that runs it, have each a copy of this class.
   * `instanceof` takes an error of any copy.
   */
  static override [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: a subclass asks for its own errors only
    if (this !== RpcError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return typeof value === 'object' && value !== null && RPC_ERROR in value;
  }

  constructor(code: number, text: string) {
    super(text);
    this.code = code;
  }

  /** Builds one by its name in the table: `RpcError.of('abort', 'the payee is closed')`. */
  static of(name: ErrorName, text?: string): RpcError {
    const definition = BY_NAME.get(name) as ErrorDefinition;
    return new RpcError(definition.code, text ?? definition.text);
  }

  get [RPC_ERROR](): boolean {
    return true;
  }

  /** Whether the request had no effect and never will. */
  get definite(): boolean {
    return isDefinite(this.code);
  }

  /** Whether it could not be done now: nothing happened, and a retry may succeed. */
  get unavailable(): boolean {
    return this.code === TEMPORARILY_UNAVAILABLE;
  }

  /** Whether a retry may succeed: it could not be done now, or the outcome is unknown. */
  get temporary(): boolean {
    return !this.definite || this.unavailable;
  }
}
