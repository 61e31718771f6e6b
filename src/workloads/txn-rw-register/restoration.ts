/** Puts the parts of a state together that another node sends. */

import type { RequestOf } from '../../protocol/rpc.ts';
import type { Restore } from './messages.ts';
import { fromEntries } from './register-journal.ts';
import type { Register, RegisterState } from './registers.ts';

type Part = RequestOf<typeof Restore>;

export class Restoration {
  /** The parts of one snapshot of each sender. */
  readonly #arrived = new Map<string, Map<number, Part>>();

  /** The whole state, when this part is the last one that was missing. */
  add(src: string, part: Part): RegisterState | undefined {
    let parts = this.#arrived.get(src);
    if (parts === undefined || parts.values().next().value?.snapshot !== part.snapshot) {
      parts = new Map();
      this.#arrived.set(src, parts);
    }
    parts.set(part.part, part);
    if (parts.size < part.parts) return undefined;
    this.#arrived.delete(src);
    const registers = new Map<string, Register>();
    for (const { registers: page } of parts.values()) for (const entry of fromEntries(page)) registers.set(...entry);
    return { seen: new Map(Object.entries(part.state)), stamp: part.stamp, registers };
  }
}
