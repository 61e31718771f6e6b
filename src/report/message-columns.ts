/**
 * Who has a column in a diagram of messages: clients first, then nodes in their order, then services.
 */

import { clientNumber } from '../protocol/client-id.ts';
import type { MessageEntry } from './run-record.ts';

/** Clients beyond this number share a column. */
const CLIENT_COLUMNS_MAX = 4;
const CLIENTS = 'clients';
const HARNESS = 'harness';

export class MessageColumns {
  /** What stands above the columns. */
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

  /** As the column is called, and as the messages call it where that is something else. */
  describe(id: string): string {
    const name = this.#nameOf(id);
    return name === id ? id : `${name} (${id})`;
  }

  /**
   * The first clients of a network send `init`, one a node; then come the workers', and those that take the place of
   * one that gave up.
   */
  #nameOf(id: string): string {
    const worker = this.#workerOf(id);
    if (worker === undefined) return id;
    if (worker < 0) return HARNESS;
    if (this.#share) return CLIENTS;
    return worker < this.#concurrency ? `client ${worker}` : id;
  }

  /** Negative for a client that sends `init`; undefined for what is no client. */
  #workerOf(id: string): number | undefined {
    const number = this.#nodes.has(id) ? undefined : clientNumber(id);
    return number === undefined ? undefined : number - this.#nodes.size;
  }
}
