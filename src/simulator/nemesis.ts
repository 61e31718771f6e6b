/**
 * The nemesis: starts and stops partitions in turn, the first at once, with gaps drawn uniformly from 0 to twice the interval. Every step
 * is written to the history twice, as Jepsen does: what is going to be done, and what was.
 */

import { NEMESIS, type OperationEntry } from '../history/operation.ts';
import type { SeededRandom } from '../protocol/random.ts';
import { createGrudge, describeGrudge, partitionShapes } from './grudge.ts';
import type { Network } from './network.ts';
import type { Scheduler } from './scheduler.ts';

export const FAULTS = ['partition'] as const;
export type Fault = (typeof FAULTS)[number];

export interface NemesisOptions {
  readonly network: Network;
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly nodes: readonly string[];
  readonly faults: readonly Fault[];
  /** Mean gap between two steps, ms. */
  readonly intervalMs: number;
  /** The nemesis does nothing from this moment on, ms since the start. */
  readonly endMs: number;
  readonly record: (entry: Pick<OperationEntry, 'process' | 'type' | 'f' | 'value'>) => void;
}

export class Nemesis {
  readonly #options: NemesisOptions;
  #cancel: () => void = () => {};
  #partition: string | undefined;

  constructor(options: NemesisOptions) {
    this.#options = options;
  }

  /** The fault in force, in a few words; undefined when there is none. */
  get currentFault(): string | undefined {
    return this.#partition;
  }

  start(): void {
    if (this.#options.faults.includes('partition')) this.#step();
  }

  /** Does nothing more; a fault in force stays in force. */
  rest(): void {
    this.#cancel();
  }

  /** Heals everything and does nothing more. */
  stop(): void {
    this.rest();
    this.#options.network.heal();
    this.#partition = undefined;
  }

  #step(): void {
    const { scheduler, random, intervalMs, endMs } = this.#options;
    if (scheduler.now() >= endMs) return;
    if (this.#partition === undefined) this.#startPartition();
    else this.#stopPartition();
    this.#cancel = scheduler.schedule(random.float() * 2 * intervalMs, () => this.#step());
  }

  #startPartition(): void {
    const { network, random, nodes } = this.#options;
    const shape = random.pick(partitionShapes(nodes.length));
    this.#record('start-partition', shape);
    const grudge = createGrudge(shape, nodes, random);
    for (const [node, deafTo] of grudge) for (const other of deafTo) network.drop(other, node);
    this.#partition = `partition ${shape} (${describeGrudge(grudge)})`;
    this.#record('start-partition', ['isolated', Object.fromEntries(grudge)]);
  }

  #stopPartition(): void {
    this.#record('stop-partition', null);
    this.#options.network.heal();
    this.#partition = undefined;
    this.#record('stop-partition', 'network-healed');
  }

  #record(f: string, value: unknown): void {
    this.#options.record({ process: NEMESIS, type: 'info', f, value });
  }
}
