/** What a store holds at one moment, read while others write to it. Backups are made of it. */

export interface StoredEntry {
  readonly key: string;
  readonly text: string;
}

export interface StoredState {
  /** Which moment, in the store's own count: `record 1234`, `revision 567`. */
  readonly position: string;
  /** All keys with their texts, ascending by UTF-8 bytes, some at a time. Rejects with a {@link StateGoneError}. */
  readonly entries: AsyncIterable<readonly StoredEntry[]>;
}

/** The store no longer has the state that was being read. Reading anew, from a newer one, helps. */
export class StateGoneError extends Error {
  override readonly name = 'StateGoneError';
}
