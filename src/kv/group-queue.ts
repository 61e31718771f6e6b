/**
 * Group commit. Callers that want to change the same document wait in a queue. One group of them is served at a time,
 * with one compare-and-set. Meanwhile the next callers gather. So many callers cost little more than one.
 */

export interface GroupQueueOptions<Entry> {
  /** Serves a group to its end. The group is empty if the queue was only woken. A rejection goes to `fail`. */
  readonly serve: (group: readonly Entry[]) => Promise<void>;
  /** Called for each entry of a group that could not be served. */
  readonly fail: (entry: Entry, error: unknown) => void;
  /** Which entries are served next and which keep waiting. Default: all are served. */
  readonly choose?: (waiting: readonly Entry[]) => Choice<Entry>;
  /** Work for when no entry waits any more; undefined: nothing to do. */
  readonly rest?: () => Promise<void> | undefined;
  /** Called when the queue becomes idle. */
  readonly onIdle?: () => void;
}

export interface Choice<Entry> {
  readonly group: readonly Entry[];
  readonly later: readonly Entry[];
}

export class GroupQueue<Entry> {
  readonly #options: GroupQueueOptions<Entry>;
  #waiting: Entry[] = [];
  #busy = false;

  constructor(options: GroupQueueOptions<Entry>) {
    this.#options = options;
  }

  /** The entries that wait to be served, first come first. */
  get waiting(): readonly Entry[] {
    return this.#waiting;
  }

  /** Whether a group is being served, or the work of `rest` is under way. */
  get busy(): boolean {
    return this.#busy;
  }

  /** Appends entries. They are served as soon as it is their turn. */
  push(...entries: readonly Entry[]): void {
    this.#waiting.push(...entries);
    this.wake();
  }

  /** Serves the waiting entries, or an empty group. Does nothing if the queue is busy. */
  wake(): void {
    if (!this.#busy) void this.#run();
  }

  async #run(): Promise<void> {
    const { choose = chooseAll, serve, fail, rest, onIdle } = this.#options;
    this.#busy = true;
    do {
      do {
        const { group, later } = choose(this.#waiting);
        this.#waiting = [...later];
        try {
          await serve(group);
        } catch (error) {
          // An empty group has no entry to reject, and a mistake must not be swallowed.
          if (group.length === 0) throw error;
          for (const entry of group) fail(entry, error);
        }
      } while (this.#waiting.length > 0);
      await rest?.();
    } while (this.#waiting.length > 0);
    this.#busy = false;
    onIdle?.();
  }
}

/** The first entries, at most `max`. */
export function chooseFirst<Entry>(waiting: readonly Entry[], max: number): Choice<Entry> {
  return { group: waiting.slice(0, max), later: waiting.slice(max) };
}

/** The first entries, at most `max`, and only one for each key. The others wait for a later group. */
export function chooseDistinct<Entry>(
  waiting: readonly Entry[],
  max: number,
  keyOf: (entry: Entry) => unknown,
): Choice<Entry> {
  const keys = new Set<unknown>();
  const group: Entry[] = [];
  const later: Entry[] = [];
  for (const entry of waiting) {
    const key = keyOf(entry);
    if (group.length < max && !keys.has(key)) {
      keys.add(key);
      group.push(entry);
    } else later.push(entry);
  }
  return { group, later };
}

function chooseAll<Entry>(waiting: readonly Entry[]): Choice<Entry> {
  return { group: waiting, later: [] };
}
