/** Gathers entries for a while, and cuts what it has gathered into messages. */

import type { NodeContext } from '../../node/context.ts';
import type { PartLimits, Run } from './replicated-set.ts';

/** Entries to be sent, and the node that they came from. */
export interface Outgoing {
  readonly run: Run;
  readonly src: string;
}

export class Outbox {
  readonly #context: Pick<NodeContext, 'sleep'>;
  readonly #waitMs: number;
  readonly #send: (entries: readonly Outgoing[]) => void;
  #entries: Outgoing[] = [];

  /** @param send gets all that came within `waitMs` of the first entry */
  constructor(context: Pick<NodeContext, 'sleep'>, waitMs: number, send: (entries: readonly Outgoing[]) => void) {
    this.#context = context;
    this.#waitMs = waitMs;
    this.#send = send;
  }

  get size(): number {
    return this.#entries.length;
  }

  add(entries: readonly Outgoing[]): void {
    const isFirst = this.#entries.length === 0;
    this.#entries.push(...entries);
    if (isFirst && entries.length > 0) void this.#sendLater();
  }

  async #sendLater(): Promise<void> {
    // A node that ends sends what it has: others need not ask for it then.
    await this.#context.sleep(this.#waitMs);
    const entries = this.#entries;
    this.#entries = [];
    this.#send(entries);
  }
}

/** The runs of each message, with neighbours of one log joined. */
export function partsOf(outgoing: readonly Outgoing[], { entriesMax, lengthMax }: PartLimits): Run[][] {
  const parts: [string, number, number, unknown[]][][] = [];
  let [entries, length] = [entriesMax, 0];
  for (const { run } of outgoing) {
    const [origin, epoch, first, values] = run;
    for (const [index, value] of values.entries()) {
      const own = JSON.stringify(value).length;
      if (entries === entriesMax || length + own > lengthMax) {
        parts.push([]);
        [entries, length] = [0, 0];
      }
      entries++;
      length += own;
      const part = parts.at(-1) as [string, number, number, unknown[]][];
      const last = part.at(-1);
      const continues =
        last !== undefined && last[0] === origin && last[1] === epoch && last[2] + last[3].length === first + index;
      if (continues) last[3].push(value);
      else part.push([origin, epoch, first + index, [value]]);
    }
  }
  return parts;
}
