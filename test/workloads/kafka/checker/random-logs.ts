/** Small histories of kafka, from a seed: what real logs could have answered, then some of it changed. */

import { History } from '../../../../src/history/history.ts';
import type { OperationEntry, OperationType } from '../../../../src/history/operation.ts';
import type { RandomSource } from '../../../../src/protocol/random.ts';

type Pair = readonly [offset: number, message: number];

const KEYS = ['0', '1', '10'];
const PROCESSES = 3;
const STEPS = 40;

/** What goes wrong at one place of a history: mostly nothing. */
const SEND_MISTAKES = ['vanish', 'fail-but-do', 'info', 'other-offset', 'hole', 'hole'] as const;
const POLL_MISTAKES = ['drop', 'swap', 'again', 'phantom', 'early', 'late'] as const;

export function randomLogHistory(random: RandomSource): History {
  return new LogRun(random).run();
}

class LogRun {
  readonly #random: RandomSource;
  readonly #entries: OperationEntry[] = [];
  readonly #logs = new Map<string, Pair[]>(KEYS.map((key) => [key, []]));
  readonly #positions: Map<string, number>[] = Array.from({ length: PROCESSES }, () => new Map<string, number>());
  /** An operation that has begun and not ended, by process. */
  readonly #open = new Map<number, () => void>();
  readonly #alive: number[] = Array.from({ length: PROCESSES }, (_, process) => process);
  #lastMessage = 0;

  constructor(random: RandomSource) {
    this.#random = random;
  }

  run(): History {
    for (let step = 0; step < STEPS; step++) {
      const worker = this.#random.integer(PROCESSES);
      const end = this.#open.get(worker);
      if (end === undefined) this.#begin(worker);
      else {
        this.#open.delete(worker);
        end();
      }
    }
    for (const end of this.#open.values()) end();
    if (this.#random.integer(2) === 0) this.#pollEverything();
    return History.of(this.#entries);
  }

  #begin(worker: number): void {
    const kind = this.#random.integer(5);
    if (kind === 0)
      this.#assign(
        worker,
        KEYS.filter(() => this.#random.integer(2) === 0),
      );
    else if (kind < 3) this.#send(worker);
    else this.#poll(worker);
  }

  #assign(worker: number, keys: readonly string[]): void {
    this.#note('invoke', worker, 'assign', keys);
    this.#open.set(worker, () => {
      const before = this.#positions[worker] as Map<string, number>;
      this.#positions[worker] = new Map(keys.map((key) => [key, before.get(key) ?? 0]));
      this.#note('ok', worker, 'assign', keys);
    });
  }

  #send(worker: number): void {
    const key = this.#pick(KEYS);
    const message = ++this.#lastMessage;
    const log = this.#logs.get(key) as Pair[];
    const mistake = this.#mistake(SEND_MISTAKES);
    const next =
      mistake === 'hole' ? firstHole(log) : (log.at(-1)?.[0] ?? -1) + 1 + (this.#random.integer(4) === 0 ? 2 : 0);
    const offset = mistake === 'other-offset' ? this.#random.integer(next + 2) : next;
    this.#note('invoke', worker, 'send', [['send', key, message]]);
    if (mistake !== 'vanish') log.push([next, message]);
    log.sort(([one], [other]) => one - other);
    this.#open.set(worker, () => {
      if (mistake === 'fail-but-do') this.#note('fail', worker, 'send', [['send', key, message]]);
      else if (mistake === 'info') this.#crash(worker, 'send', [['send', key, message]]);
      else this.#note('ok', worker, 'send', [['send', key, [offset, message]]]);
    });
  }

  #poll(worker: number): void {
    this.#note('invoke', worker, 'poll', [['poll']]);
    this.#open.set(worker, () => {
      const positions = this.#positions[worker] as Map<string, number>;
      const answer: Record<string, readonly Pair[]> = {};
      for (const [key, position] of positions) {
        const log = this.#logs.get(key) as readonly Pair[];
        const mistake = this.#mistake(POLL_MISTAKES);
        const from = mistake === 'early' ? position - 1 : mistake === 'late' ? position + 1 : position;
        const known = log.filter(([offset]) => offset >= from).slice(0, 1 + this.#random.integer(4));
        const shown = this.#spoil(known, mistake);
        if (shown.length === 0) continue;
        answer[key] = shown;
        positions.set(key, Math.max(position, ...shown.map(([offset]) => offset + 1)));
      }
      this.#note('ok', worker, 'poll', [['poll', answer]]);
    });
  }

  #spoil(known: readonly Pair[], mistake: string | undefined): readonly Pair[] {
    const [first, second, ...rest] = known;
    if (first === undefined) return known;
    if (mistake === 'drop') return this.#random.integer(2) === 0 ? known.slice(1) : [first, ...rest];
    if (mistake === 'swap' && second !== undefined) return [second, first, ...rest];
    if (mistake === 'again') return [first, ...known];
    if (mistake === 'phantom' && this.#random.integer(4) === 0) return [[first[0], 999], ...known.slice(1)];
    return known;
  }

  #pollEverything(): void {
    const answer = Object.fromEntries([...this.#logs].filter(([, log]) => log.length > 0));
    this.#note('invoke', 0, 'assign', KEYS, 50);
    this.#note('ok', 0, 'assign', KEYS, 50);
    this.#note('invoke', 0, 'poll', [['poll']], 50);
    this.#note('ok', 0, 'poll', [['poll', answer]], 50);
  }

  #crash(worker: number, f: string, value: unknown): void {
    this.#note('info', worker, f, value);
    this.#alive[worker] = (this.#alive[worker] as number) + PROCESSES;
    this.#positions[worker] = new Map();
  }

  #note(type: OperationType, worker: number, f: string, value: unknown, process = this.#alive[worker] as number): void {
    this.#entries.push({ time: this.#entries.length * 1e6, type, process, f, value });
  }

  #mistake<Mistake>(mistakes: readonly Mistake[]): Mistake | undefined {
    return this.#random.integer(8) === 0 ? this.#pick(mistakes) : undefined;
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[this.#random.integer(items.length)] as Item;
  }
}

/** The first offset without a message. */
function firstHole(log: readonly Pair[]): number {
  const taken = new Set(log.map(([offset]) => offset));
  let hole = 0;
  while (taken.has(hole)) hole++;
  return hole;
}
