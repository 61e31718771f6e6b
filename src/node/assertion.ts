/**
 * Assertions of invariants, always on. A failed one is a programmer's error, not a client's. Nothing can be trusted
 * after it, so the runtime ends the process instead of answering (TigerBeetle's rule).
 */

export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure';
}

/** What ends the process because of something unexpected in a place where the node cannot go on. */
export function failureOf(what: string, error: unknown): AssertionFailure {
  if (error instanceof AssertionFailure) return error;
  const text = error instanceof Error ? error.message : String(error);
  const failure = new AssertionFailure(`${what} has failed: ${text}`);
  if (error instanceof Error && error.stack !== undefined) failure.stack = `${failure.message}\n${error.stack}`;
  return failure;
}

/** Throws an {@link AssertionFailure} unless `condition` holds. */
export function assert(condition: boolean, text: string): asserts condition {
  if (!condition) throw new AssertionFailure(text);
}
