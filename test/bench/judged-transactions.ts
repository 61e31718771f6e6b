/** Makes histories of transactions, and judges them: what the bench of transactions bundles. */

import { History } from '../../src/history/history.ts';
import { xoshiro128 } from '../../src/protocol/random.ts';
import { txnListAppendChecker } from '../../src/workloads/txn-list-append/checker/txn-list-append-checker.ts';
import { txnRwRegisterChecker } from '../../src/workloads/txn-rw-register/checker/txn-rw-register-checker.ts';

type Mop = readonly [f: string, key: number, value: unknown];

const CLIENTS = 10;
const ACTIVE_KEYS = 10;
const WRITES_OF_KEY_MAX = 16;
const MOPS_MAX = 4;
const NANOSECONDS_OF_STEP = 1_000_000;
const CHECKERS = {
  'txn-list-append': txnListAppendChecker({ strict: true }),
  'txn-rw-register': txnRwRegisterChecker({ strict: true }),
};

/** Throws if the history is not valid: then something else was measured. */
export function judgeAsValid(workload: keyof typeof CHECKERS, history: History): void {
  const result = CHECKERS[workload].check({ nodes: ['n0'], concurrency: CLIENTS }, history);
  if (result['valid?'] !== true) throw new Error(`the history is not valid: ${result.summary}`);
}

/** A history of `count` transactions. Each is applied to the store at the moment of its completion. */
export function makeTransactions(count: number, workload: keyof typeof CHECKERS): History {
  const isList = workload === 'txn-list-append';
  const state = Int32Array.of(1, 2, 3, 4);
  const random = () => xoshiro128(state) / 2 ** 32;
  const asking = new Asking(random, isList ? 'append' : 'w');
  const store = new Map<number, readonly unknown[]>();
  const answer = ([f, key, value]: Mop): Mop => {
    const list = store.get(key) ?? [];
    if (f !== 'r') store.set(key, [...list, value]);
    const seen = isList && list.length > 0 ? list : list.at(-1);
    return f === 'r' ? [f, key, seen ?? null] : [f, key, value];
  };
  const history = new History();
  const open: (readonly Mop[] | undefined)[] = new Array(CLIENTS);
  for (let step = 0, completed = 0; completed < count; step++) {
    const process = Math.floor(random() * CLIENTS);
    const asked = open[process];
    const entry = { time: step * NANOSECONDS_OF_STEP, process, f: 'txn' };
    open[process] = asked === undefined ? asking.next() : undefined;
    if (asked === undefined) history.append({ ...entry, type: 'invoke', value: open[process] });
    else history.append({ ...entry, type: 'ok', value: asked.map(answer) });
    if (asked !== undefined) completed++;
  }
  return history;
}

/** As Maelstrom asks: the last active key half of the time, the one before half of the rest, and so on. */
class Asking {
  readonly #random: () => number;
  readonly #write: string;
  readonly #keys = Array.from({ length: ACTIVE_KEYS }, (_, key) => key);
  readonly #written = new Map<number, number>();
  #nextKey = ACTIVE_KEYS;

  constructor(random: () => number, write: string) {
    this.#random = random;
    this.#write = write;
  }

  next(): readonly Mop[] {
    return Array.from({ length: 1 + Math.floor(this.#random() * MOPS_MAX) }, () => this.#mop());
  }

  #mop(): Mop {
    const slot = Math.max(0, ACTIVE_KEYS + Math.floor(Math.log2(1 - this.#random())));
    const key = this.#keys[slot] as number;
    if (this.#random() < 0.5) return ['r', key, null];
    const value = (this.#written.get(key) ?? 0) + 1;
    this.#written.set(key, value);
    if (value === WRITES_OF_KEY_MAX) this.#keys[slot] = this.#nextKey++;
    return [this.#write, key, value];
  }
}
