/** What the judges of transactions are asked for. */

import { checkModels, DEFAULT_MODELS } from './consistency-models.ts';

export interface TxnCheckerOptions {
  /** The models that must hold, by their names. Absent: `strict-serializable`. */
  readonly consistencyModels?: readonly string[];
  /** Whether a breach of a rule beyond Elle's makes the run invalid. */
  readonly strict: boolean;
  /**
   * Whether txn-rw-register calls a run of fewer than two transactions unknown. Absent: it is invalid, as in Maelstrom.
   * Then every failing run shrinks to nothing.
   */
  readonly emptyIsUnknown?: boolean | undefined;
}

/** The names in a list with commas, with spaces or without. */
export function splitModels(text: string): readonly string[] {
  return text.trim().split(/\s*,\s*/);
}

/**
 * The models asked for. A name may hold several, with commas between.
 *
 * @throws an Error that names a model which is unknown or forbids nothing
 */
export function modelsAsked({ consistencyModels = DEFAULT_MODELS }: TxnCheckerOptions): readonly string[] {
  const models = consistencyModels.flatMap(splitModels);
  checkModels(models);
  return models;
}
