/**
 * Which kinds of operations had a chance to succeed. A kind had one if an operation of it ran undisturbed from its
 * invocation to its completion: every node up and ready, no fault in force, no message lost or delayed. Its node must
 * have recovered before: it had served since the last disturbance, or it had all the time that recovery may take. Only
 * then does it count against the nodes that the kind never succeeded.
 *
 * A refusal that rests on the data, as that of a cas whose value is another, is the right answer of a right node. Only
 * many of them are a chance: a node that always refuses must not pass for an unlucky one.
 */

import type { ErrorName } from '../protocol/errors.ts';
import type { Completion } from './client.ts';

/** An operation that began in a calm; undefined if it cannot be a chance. */
export type ChanceMark = { readonly disturbanceCount: number; readonly hasRecovered: boolean } | undefined;

export interface ChancesOptions {
  /** Whether no fault is in force now and all nodes are ready. */
  readonly isCalm: () => boolean;
  readonly nowMs: () => number;
  /** Within which time after a disturbance every node must serve again. */
  readonly recoveryMsMax: number;
}

const REFUSALS: ReadonlySet<unknown> = new Set<ErrorName>([
  'key-does-not-exist',
  'key-already-exists',
  'precondition-failed',
]);

/** So many refusals are a chance. A cas of one of five values is refused so often about once in 70,000 times. */
const REFUSALS_OF_CHANCE = 50;

export class Chances {
  readonly #options: ChancesOptions;
  readonly #kinds = new Set<string>();
  readonly #refusalCounts = new Map<string, number>();
  /** The nodes that served what began after the last disturbance. */
  readonly #serving = new Set<string>();
  #disturbanceCount = 0;
  #disturbedMs = 0;

  constructor(options: ChancesOptions) {
    this.#options = options;
  }

  /** A fault began or ended just now. */
  disturb(): void {
    this.#disturbanceCount++;
    this.#disturbedMs = this.#options.nowMs();
    this.#serving.clear();
  }

  /** An operation of the kind `f` begins. */
  begin(nodeId: string, f: string): ChanceMark {
    // Nothing is left to find out.
    if (this.#kinds.has(f) && this.#serving.has(nodeId)) return undefined;
    const { isCalm, nowMs, recoveryMsMax } = this.#options;
    if (!isCalm()) return undefined;
    const hasRecovered = this.#serving.has(nodeId) || nowMs() - this.#disturbedMs >= recoveryMsMax;
    return { disturbanceCount: this.#disturbanceCount, hasRecovered };
  }

  /** An operation of the kind `f` has ended. */
  end(nodeId: string, f: string, mark: ChanceMark, completion: Completion): void {
    if (mark?.disturbanceCount !== this.#disturbanceCount || !this.#options.isCalm()) return;
    if (completion.type === 'ok') this.#serving.add(nodeId);
    if (!mark.hasRecovered) return;
    if (isRefusal(completion)) this.#countRefusal(f);
    else this.#kinds.add(f);
  }

  has(f: string): boolean {
    return this.#kinds.has(f);
  }

  #countRefusal(f: string): void {
    const count = (this.#refusalCounts.get(f) ?? 0) + 1;
    this.#refusalCounts.set(f, count);
    if (count >= REFUSALS_OF_CHANCE) this.#kinds.add(f);
  }
}

function isRefusal({ type, error }: Completion): boolean {
  return type === 'fail' && Array.isArray(error) && REFUSALS.has(error[0]);
}
