/**
 * One direction of a relayed connection: bytes in their order, then its end. While they are held or delayed they are
 * read until a buffer is full, as by a network with a window; then the sender must wait.
 */

import type { Socket } from 'node:net';
import type { Conditions } from './links.ts';

const QUEUE_BYTES_MAX = 256 * 1024;

interface Parcel {
  /** `end`: nothing more comes. `reset`: the connection is broken. */
  readonly content: Buffer | 'end' | 'reset';
  /** 0: at once. */
  readonly dueMs: number;
  readonly onPassed: readonly (() => void)[];
}

export class RelayFlow {
  readonly #source: Socket;
  #dest: Socket | undefined;
  #conditions: Conditions = { isHeld: true, delayMs: 0 };
  /** In the order of the bytes: what is due earlier does not overtake. */
  readonly #queue: Parcel[] = [];
  #queuedBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(source: Socket) {
    this.#source = source;
  }

  get isHeld(): boolean {
    return this.#conditions.isHeld;
  }

  setConditions(conditions: Conditions): void {
    this.#conditions = conditions;
    this.pass();
  }

  /** To be called when there is a connection to the other end. Until then everything waits. */
  connect(dest: Socket): void {
    this.#dest = dest;
    dest.on('drain', () => this.pass());
    this.pass();
  }

  /** @param onPassed called when the other end was given this content */
  take(content: Parcel['content'], onPassed: Parcel['onPassed'] = []): void {
    const { delayMs } = this.#conditions;
    this.#queue.push({ content, onPassed, dueMs: delayMs > 0 ? performance.now() + delayMs : 0 });
    if (typeof content !== 'string') this.#queuedBytes += content.length;
    this.pass();
  }

  /** Passes on what is due and may pass. */
  pass(): void {
    clearTimeout(this.#timer);
    while (this.#mayPass()) {
      const { content, onPassed, dueMs } = this.#queue[0] as Parcel;
      const waitMs = dueMs === 0 ? 0 : dueMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.pass(), Math.ceil(waitMs));
        break;
      }
      this.#queue.shift();
      if (typeof content !== 'string') this.#queuedBytes -= content.length;
      if (this.#dest?.destroyed === false) this.#give(this.#dest, content, onPassed);
    }
    this.#throttle();
  }

  /** Nothing passes any more. */
  close(): void {
    clearTimeout(this.#timer);
    this.#dest = undefined;
  }

  #mayPass(): boolean {
    return this.#queue.length > 0 && this.#dest?.writableNeedDrain === false && !this.#conditions.isHeld;
  }

  #give(dest: Socket, content: Parcel['content'], onPassed: Parcel['onPassed']): void {
    if (content === 'reset') dest.resetAndDestroy();
    else if (content === 'end') dest.end();
    else dest.write(content);
    for (const tell of onPassed) tell();
  }

  #throttle(): void {
    if (this.#source.destroyed) return;
    if (this.#queuedBytes >= QUEUE_BYTES_MAX) this.#source.pause();
    else if (this.#source.isPaused()) this.#source.resume();
  }
}
