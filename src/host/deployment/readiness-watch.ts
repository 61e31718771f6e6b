/** Asks an instance again and again whether it is ready, until it is. */

import type { ServiceClient } from './service-client.ts';

const POLL_MS = 50;

export class ReadinessWatch {
  readonly #client: Pick<ServiceClient, 'findTrouble'>;
  readonly #url: () => string | undefined;
  readonly #onReady: () => void;
  #trouble: string | undefined;
  #isAnswered = false;
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param url of the instance; undefined while it is not known
   * @param onReady called once
   */
  constructor(client: Pick<ServiceClient, 'findTrouble'>, url: () => string | undefined, onReady: () => void) {
    this.#client = client;
    this.#url = url;
    this.#onReady = onReady;
    this.#wait();
  }

  /** Why it was not ready when it was asked last, in words; undefined: it was. */
  get trouble(): string | undefined {
    if (this.#isAnswered) return this.#trouble;
    const url = this.#url();
    return url === undefined ? 'it does not listen yet' : `${url} has not answered yet`;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #wait(): void {
    this.#timer = setTimeout(() => this.#ask(), POLL_MS);
  }

  async #ask(): Promise<void> {
    const url = this.#url();
    if (url !== undefined) {
      const trouble = await this.#client.findTrouble(url);
      if (this.#stopped) return;
      this.#trouble = trouble;
      this.#isAnswered = true;
      if (trouble === undefined) {
        this.#onReady();
        return;
      }
    }
    this.#wait();
  }
}
