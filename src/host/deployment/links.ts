/**
 * What is wrong with the links of a deployment: cuts and delays, each in one direction. A link is named by its ends:
 * the id of an instance, the name of a member.
 */

/** How bytes pass in one direction. */
export interface Conditions {
  /** They wait, and so does the end of the connection. */
  readonly isHeld: boolean;
  readonly delayMs: number;
}

interface Link {
  cuts: number;
  readonly delaysMs: number[];
}

const CLEAR: Conditions = { isHeld: false, delayMs: 0 };

export class Links {
  readonly #onChange: () => void;
  readonly #links = new Map<string, Link>();

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** How `dest` hears `src`. Several delays add up. */
  conditions(src: string, dest: string): Conditions {
    const link = this.#links.get(nameOf(src, dest));
    if (link === undefined) return CLEAR;
    return { isHeld: link.cuts > 0, delayMs: link.delaysMs.reduce((sum, ms) => sum + ms, 0) };
  }

  /** From now on `dest` does not hear `src`. Every cut needs a `mend` of its own. */
  cut(src: string, dest: string): void {
    this.#linkOf(src, dest).cuts++;
    this.#onChange();
  }

  mend(src: string, dest: string): void {
    const link = this.#linkOf(src, dest);
    if (link.cuts === 0) throw new Error(`the link from ${src} to ${dest} was not cut`);
    link.cuts--;
    this.#onChange();
  }

  /** The returned function removes this delay, once. */
  delay(src: string, dest: string, delayMs: number): () => void {
    const { delaysMs } = this.#linkOf(src, dest);
    delaysMs.push(delayMs);
    this.#onChange();
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      delaysMs.splice(delaysMs.indexOf(delayMs), 1);
      this.#onChange();
    };
  }

  #linkOf(src: string, dest: string): Link {
    const name = nameOf(src, dest);
    const link = this.#links.get(name) ?? { cuts: 0, delaysMs: [] };
    this.#links.set(name, link);
    return link;
  }
}

function nameOf(src: string, dest: string): string {
  return `${src} ${dest}`;
}
