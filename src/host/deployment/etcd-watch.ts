/** What the members of etcd say of themselves, asked all the time and not through relays. */

import { type EtcdStatus, findLeader, readStatus } from './etcd-status.ts';

const ASK_EVERY_MS = 200;

/** What is known of the members of a cluster without asking them. */
export interface KnownMembers {
  /** URLs by name. */
  readonly urls: ReadonlyMap<string, string>;
  /** Whether a member can answer: it is up and not paused, as far as is known. */
  readonly isAwake: (name: string) => boolean;
}

export class EtcdWatch {
  readonly #members: KnownMembers;
  readonly #statuses = new Map<string, EtcdStatus>();
  /** Names by id, as 16 hexadecimal digits or fewer. An id lasts as long as the data. */
  readonly #names = new Map<string, string>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  #isClosed = false;

  constructor(members: KnownMembers) {
    this.#members = members;
    for (const name of members.urls.keys()) void this.#ask(name);
  }

  /** The member that led when last seen. */
  leader(): string | undefined {
    return findLeader(this.#statuses);
  }

  /** @param id of a member, hexadecimal */
  nameOf(id: string): string | undefined {
    return this.#names.get(id);
  }

  /** Whether the id of every member is known. */
  get isComplete(): boolean {
    return this.#names.size === this.#members.urls.size;
  }

  /** To be called for a member that is gone: it leads no more. */
  forget(name: string): void {
    this.#statuses.delete(name);
  }

  close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  /** Asks a member now. Undefined if it does not answer. */
  async look(name: string): Promise<EtcdStatus | undefined> {
    const { urls, isAwake } = this.#members;
    const status = isAwake(name) ? await readStatus(urls.get(name) as string) : undefined;
    // It may have been killed since it answered.
    if (status === undefined || !isAwake(name)) return undefined;
    this.#statuses.set(name, status);
    this.#names.set(BigInt(status.memberId).toString(16), name);
    return status;
  }

  async #ask(name: string): Promise<void> {
    await this.look(name);
    if (!this.#isClosed)
      this.#timers.set(
        name,
        setTimeout(() => void this.#ask(name), ASK_EVERY_MS),
      );
  }
}
