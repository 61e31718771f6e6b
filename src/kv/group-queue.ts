/**
 * Group commit: callers who want to change the same document wait in a queue, and one group of them is served at a
 * time, all with the same compare-and-set. While it is under way the next ones gather. So many callers cost little more
 * than one.
 */

export interface GroupQueueOptions<Entry> {
  /**
   * Serves a group, to its end. It may be empty where the queue was woken. What it rejects with is handed to `fail`.
   */
  readonly serve: (group: readonly Entry[]) => Promise<void>;
  /** Told of each entry of a group that could not be served. */
  readonly fail: (entry: Entry, error: unknown) => void;
  /** Who is served next, and who goes on waiting. Default: all. */
  readonly choose?: (waiting: readonly Entry[]) => Choice<Entry>;
  /** What is to be done when no entry waits any more; undefined: nothing. */
  readonly rest?: () => Promise<void> | undefined;
  /** Called when all is done. */
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

  /** Those who wait to be served, the first one first. */
  get waiting(): readonly Entry[] {
    return this.#waiting;
  }

  /** Whether a group is being served, or what is to be done after the last one. */
  get busy(): boolean {
    return this.#busy;
  }

  /** Puts entries at the end, and serves them as soon as it is their turn. */
  push(...entries: readonly Entry[]): void {
    this.#waiting.push(...entries);
    this.wake();
  }

  /** Serves whoever waits, or an empty group. Where the queue is busy it goes on as it does. */
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
          // Where no entry waits for an answer, a mistake must not go unheard.
          if (group.length === 0) throw error;
          for (const entry of group) fail(entry, error);
        }
      } while (this.#waiting.length > 0);
      const resting = rest?.();
      if (resting !== undefined) await resting;
    } while (this.#waiting.length > 0);
    this.#busy = false;
    onIdle?.();
  }
}

/** The first entries, and no more than `max` of them. */
export function chooseFirst<Entry>(waiting: readonly Entry[], max: number): Choice<Entry> {
  return { group: waiting.slice(0, max), later: waiting.slice(max) };
}

/** The first entries, no more than `max`, and of those with the same key one: the others wait for a later group. */
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
