/** What becomes of each transfer in the store, and what must never become of one. Told by a {@link ChangeFeed}. */

import { HORIZON_KEY } from '../../src/kv/horizon.ts';
import { isTerminal, type SagaRecord, sagaKey } from '../../src/saga/record.ts';
import { timeOfId } from '../../src/workloads/id-time.ts';
import type { Change } from './change-feed.ts';

const RECORDS = sagaKey('');

export class TransferWitness {
  /** The state of each record that is in the store, by request id. */
  readonly kept = new Map<string, SagaRecord['state']>();
  /** Those that were removed. */
  readonly removed = new Set<string>();
  /** How each transfer ended, also when its record is gone. */
  readonly outcomes = new Map<string, 'committed' | 'aborted'>();
  /** What must never be. */
  readonly mistakes: string[] = [];
  #horizonMs = 0;

  see({ key, text, before }: Change): void {
    if (key === HORIZON_KEY && text !== undefined) this.#raise(JSON.parse(text).horizon);
    if (!key.startsWith(RECORDS)) return;
    const id = key.slice(RECORDS.length);
    const earlier: SagaRecord | undefined = before && JSON.parse(before);
    if (text === undefined) this.#remove(id, earlier as SagaRecord);
    else this.#store(id, earlier, JSON.parse(text));
  }

  /** How old the oldest record is by its id, ms. @param except ids that do not count */
  oldestMs(except: string): number {
    const times = [...this.kept.keys()].filter((id) => id !== except).map((id) => timeOfId(id) as number);
    return Date.now() - Math.min(Date.now(), ...times);
  }

  #raise(horizonMs: number): void {
    if (horizonMs < this.#horizonMs) this.mistakes.push(`the horizon fell from ${this.#horizonMs} to ${horizonMs}`);
    this.#horizonMs = horizonMs;
  }

  #store(id: string, earlier: SagaRecord | undefined, { state }: SagaRecord): void {
    if (this.removed.has(id)) this.mistakes.push(`${id} was removed and is there again, ${state}`);
    if (earlier !== undefined && isTerminal(earlier)) this.mistakes.push(`${id} was ${earlier.state} and is ${state}`);
    this.kept.set(id, state);
    if (state === 'committed' || state === 'aborted') this.outcomes.set(id, state);
  }

  #remove(id: string, earlier: SagaRecord): void {
    this.kept.delete(id);
    this.removed.add(id);
    if (!isTerminal(earlier)) this.mistakes.push(`${id} was removed while it was ${earlier.state}`);
    if ((timeOfId(id) as number) >= this.#horizonMs) this.mistakes.push(`${id} was removed above the horizon`);
  }
}
