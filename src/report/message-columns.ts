/**
 * Who has a column in a diagram of messages: clients first, then nodes in their order, then services.
 */

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
    const clients = [...seen].filter((id) => isClient(id) && !this.#nodes.has(id) && this.#workerOf(id) >= 0);
    this.#share = clients.length > CLIENT_COLUMNS_MAX;
    const others = [...seen].filter((id) => !isClient(id) && !this.#nodes.has(id)).sort();
    const harness = [...seen].some((id) => this.#nameOf(id) === HARNESS) ? [HARNESS] : [];
    clients.sort((one, other) => this.#workerOf(one) - this.#workerOf(other));
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
    if (!isClient(id) || this.#nodes.has(id)) return id;
    const worker = this.#workerOf(id);
    if (worker < 0) return HARNESS;
    if (this.#share) return CLIENTS;
    return worker < this.#concurrency ? `client ${worker}` : id;
  }

  #workerOf(id: string): number {
    return Number(id.slice(1)) - this.#nodes.size;
  }
}

function isClient(id: string): boolean {
  return /^c\d+$/.test(id);
}
