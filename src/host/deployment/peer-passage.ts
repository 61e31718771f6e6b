/**
 * A connection between members of etcd. All members find one at the same URL, because etcd makes the id of a member out
 * of it. So who made a connection is read from its first request: rafthttp puts the id of the member into a header.
 */

import type { Conditions, Links } from './links.ts';
import type { Direction, Passage } from './tcp-relay.ts';

const SOURCE = /\r\nX-Server-From: ([0-9a-f]{1,16})\r\n/i;
/** As long as the header. It may be cut in two. */
const TAIL_LENGTH_MAX = 64;
const NONE: readonly (() => void)[] = [];

export interface PeerPassageOptions {
  /** The member that the connection goes to. */
  readonly dest: string;
  readonly members: readonly string[];
  readonly links: Links;
  /** @param id hexadecimal */
  readonly nameOf: (id: string) => string | undefined;
  /** Called when the source is known. */
  readonly onKnown: () => void;
}

export class PeerPassage implements Passage {
  readonly #options: PeerPassageOptions;
  #tail = '';
  #id: string | undefined;

  constructor(options: PeerPassageOptions) {
    this.#options = options;
  }

  get source(): string | undefined {
    return this.#id === undefined ? undefined : this.#options.nameOf(this.#id);
  }

  /** As long as its source is not known, it is held by every cut of its destination. */
  conditions(direction: Direction): Conditions {
    const { dest, links, members } = this.#options;
    const { source } = this;
    if (source !== undefined)
      return direction === 'out' ? links.conditions(source, dest) : links.conditions(dest, source);
    const isHeld = members.some(
      (other) => links.conditions(other, dest).isHeld || links.conditions(dest, other).isHeld,
    );
    return { isHeld, delayMs: 0 };
  }

  read(direction: Direction, bytes: Buffer): typeof NONE {
    if (direction === 'back' || this.#id !== undefined) return NONE;
    const text = this.#tail + bytes.toString('latin1');
    this.#id = SOURCE.exec(text)?.[1];
    this.#tail = text.slice(-TAIL_LENGTH_MAX);
    if (this.#id !== undefined) this.#options.onKnown();
    return NONE;
  }
}
