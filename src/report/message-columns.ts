/** The columns in a diagram of messages: first clients, then nodes in their order, then services. */

import { clientNumber } from '../protocol/client-id.ts';
import type { MessageEntry } from './run-record.ts';

/** Clients beyond this number share a column. */
const CLIENT_COLUMNS_MAX = 4;
const CLIENTS = 'clients';
const HARNESS = 'harness';

export class MessageColumns {
  /** The headings of the columns. */
  readonly names: readonly string[];
  readonly #share: boolean;
  readonly #nodes: ReadonlySet<string>;
  readonly #concurrency: number;

  constructor(
    entries: readonly MessageEntry[],
    { nodes, concurrency }: { readonly nodes: readonly string[]; readonly concurrency: number },
  ) {
    this.#nodes = new Set(nodes);
    this.#concurrency = concurrency;
    const seen = new Set(entries.flatMap(({ src, dest }) => [src, dest]));
    const clients = [...seen].filter((id) => (this.#workerOf(id) ?? -1) >= 0);
    this.#share = clients.length > CLIENT_COLUMNS_MAX;
    const others = [...seen].filter((id) => this.#workerOf(id) === undefined && !this.#nodes.has(id)).sort();
    const harness = [...seen].some((id) => this.#nameOf(id) === HARNESS) ? [HARNESS] : [];
    clients.sort((one, other) => Number(this.#workerOf(one)) - Number(this.#workerOf(other)));
    this.names = [
      ...new Set([
        ...harness,
        ...clients.map((id) => this.#nameOf(id)),
        ...nodes.filter((node) => seen.has(node)),
        ...others,
      ]),
    ];
  }

  indexOf(id: string): number {
    return this.names.indexOf(this.#nameOf(id));
  }

  /** The name of the column, and the id in messages if it is another one. */
  describe(id: string): string {
    const name = this.#nameOf(id);
    return name === id ? id : `${name} (${id})`;
  }

  /**
   * The first clients of a network send `init`, one for each node. Then come the clients of the workers, and then their
   * replacements.
   */
  #nameOf(id: string): string {
    const worker = this.#workerOf(id);
    if (worker === undefined) return id;
    if (worker < 0) return HARNESS;
    if (this.#share) return CLIENTS;
    return worker < this.#concurrency ? `client ${worker}` : id;
  }

  /** Negative for a client that sends `init`; undefined for an id that is no client. */
  #workerOf(id: string): number | undefined {
    const number = this.#nodes.has(id) ? undefined : clientNumber(id);
    return number === undefined ? undefined : number - this.#nodes.size;
  }
}
