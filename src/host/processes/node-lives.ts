/** The lives of the nodes of a run, as processes: at most one of each node at a time, and none is left behind. */

import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { killAllMarked } from './process-group.ts';
import { Reaper } from './reaper.ts';

export interface Life {
  /** 1 for the first. */
  readonly number: number;
  /** Whether a kill of it is complete. */
  readonly over: boolean;
  /** Resolves when nothing of it is left. */
  kill(): Promise<void>;
}

/** What the processes of a life are started with. */
export interface LifePlace {
  readonly number: number;
  /** `<run>/<node id>` */
  readonly mark: string;
  readonly reaper: Reaper;
  /** The first line of this life in the log of the node; undefined for the first life, which begins the log. */
  readonly heading: string | undefined;
}

export class NodeLives<L extends Life> {
  readonly #mark = `${randomUUID()}/`;
  readonly #reaper = new Reaper(this.#mark);
  /** The latest life of each node. */
  readonly #latest = new Map<string, L>();
  #closing = false;

  /** @param logFolder is made if it is not there */
  constructor(logFolder: string) {
    mkdirSync(logFolder, { recursive: true });
  }

  /** Begins the next life of a node. Throws if the last one is not over. */
  begin(nodeId: string, start: (place: LifePlace) => L): L {
    if (this.#closing) throw new Error(`${nodeId} was started after the end`);
    const previous = this.#latest.get(nodeId);
    // Processes left of it would look like the next life: both have the same mark.
    if (previous?.over === false) throw new Error(`${nodeId} was started again before it was killed`);
    const number = (previous?.number ?? 0) + 1;
    const heading = number === 1 ? undefined : `--- snowstorm: life ${number} ---`;
    const life = start({ number, mark: `${this.#mark}${nodeId}`, reaper: this.#reaper, heading });
    this.#latest.set(nodeId, life);
    return life;
  }

  /** Kills all processes that still run. */
  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all([...this.#latest.values()].map((life) => life.kill()));
    await killAllMarked(this.#mark);
    this.#reaper.dismiss();
  }
}
