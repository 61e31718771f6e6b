/**
 * Assertions of invariants, always on. A failed one is a programmer's error, not a client's. Nothing can be trusted
 * after it, so the runtime ends the process instead of answering (TigerBeetle's rule).
 */

export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure';
}

/** Throws an {@link AssertionFailure} unless `condition` holds. */
export function assert(condition: boolean, text: string): asserts condition {
  if (!condition) throw new AssertionFailure(text);
}
