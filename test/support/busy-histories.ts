/** Long valid histories of lin-kv and kafka, from a seed, as busy clients of a right node leave them. */

import { History } from '../../src/history/history.ts';
import type { OperationType } from '../../src/history/operation.ts';
import { SeededRandom } from '../../src/protocol/random.ts';

export interface RegisterLoad {
  readonly operations: number;
  /** Keys, each with clients of its own: half of them only read, the others write once for every two cas. */
  readonly keys: number;
  readonly clientsOfKey: number;
  /** How many writes and cas of a key get no answer. Half of them happen. */
  readonly endlessOfKey: number;
  /** How many values there are; absent: every value is new. */
  readonly values?: number;
  /** Whether a refusal says nothing, so that no rule is about it. Absent: it has its error. */
  readonly silentRefusals?: true;
}

const NANOSECONDS_OF_STEP = 1000;

export function busyRegisters(load: RegisterLoad): History {
  const random = new SeededRandom('busy registers');
  const history = new History();
  const registers = Array.from({ length: load.keys }, (_, key) => new BusyRegister(key, load, random, history));
  while (registers.some((register) => register.step()));
  return history;
}

interface OpenCall {
  readonly worker: number;
  readonly f: 'read' | 'write' | 'cas';
  readonly value: unknown;
  /** What it will end with, once it has happened. */
  outcome?: { readonly type: OperationType; readonly value: unknown };
}

/** A register whose calls each happen at a moment between their start and their end. */
class BusyRegister {
  readonly #key: number;
  readonly #load: RegisterLoad;
  readonly #random: SeededRandom;
  readonly #history: History;
  readonly #idle: number[];
  readonly #open: OpenCall[] = [];
  readonly #processes: number[];
  readonly #operationsMax: number;
  #value: number | null = null;
  #lastNew = 0;
  #begun = 0;
  #endless = 0;

  constructor(key: number, load: RegisterLoad, random: SeededRandom, history: History) {
    this.#key = key;
    this.#load = load;
    this.#random = random;
    this.#history = history;
    this.#idle = Array.from({ length: load.clientsOfKey }, (_, worker) => worker);
    this.#processes = this.#idle.map((worker) => key * load.clientsOfKey + worker);
    this.#operationsMax = Math.floor(load.operations / load.keys);
  }

  /** Does something. Returns false when all is done. */
  step(): boolean {
    const mayBegin = this.#begun < this.#operationsMax && this.#idle.length > 0;
    if (mayBegin && (this.#open.length === 0 || this.#random.integer(3) === 0)) this.#begin();
    else if (this.#open.length > 0) this.#goOn(this.#random.integer(this.#open.length));
    return this.#open.length > 0 || this.#begun < this.#operationsMax;
  }

  #begin(): void {
    const [worker = 0] = this.#idle.splice(this.#random.integer(this.#idle.length), 1);
    const kind = worker < this.#load.clientsOfKey / 2 ? 'read' : this.#random.integer(3) === 0 ? 'write' : 'cas';
    const value = kind === 'read' ? null : kind === 'write' ? this.#draw() : [this.#expected(), this.#draw()];
    this.#begun++;
    this.#open.push({ worker, f: kind, value });
    this.#note('invoke', worker, kind, value);
  }

  #goOn(place: number): void {
    const call = this.#open[place] as OpenCall;
    if (call.outcome === undefined) {
      call.outcome = this.#happen(call);
      return;
    }
    const { type, value } = call.outcome;
    this.#open.splice(place, 1);
    const refusal = call.f === 'read' ? 'key-does-not-exist' : 'precondition-failed';
    this.#note(
      type,
      call.worker,
      call.f,
      value,
      type === 'fail' && this.#load.silentRefusals !== true ? [refusal, 'no'] : undefined,
    );
    if (type === 'info') this.#processes[call.worker] = (this.#processes[call.worker] as number) + 1_000;
    this.#idle.push(call.worker);
  }

  #happen({ f, value }: OpenCall): { readonly type: OperationType; readonly value: unknown } {
    if (f === 'read') return { type: this.#value === null ? 'fail' : 'ok', value: this.#value };
    const isLost = this.#endless < this.#load.endlessOfKey && this.#random.integer(this.#operationsMax) < 200;
    if (isLost) this.#endless++;
    const [from, to] = f === 'cas' ? (value as [number | null, number]) : [this.#value, value as number];
    const fits = from === this.#value;
    if (fits && !(isLost && this.#random.integer(2) === 0)) this.#value = to;
    return { type: isLost ? 'info' : fits ? 'ok' : 'fail', value };
  }

  #draw(): number {
    return this.#load.values === undefined ? ++this.#lastNew : this.#random.integer(this.#load.values);
  }

  #expected(): number | null {
    return this.#load.values === undefined ? this.#value : this.#random.integer(this.#load.values);
  }

  #note(type: OperationType, worker: number, f: string, value: unknown, error?: unknown): void {
    const time = this.#history.length * NANOSECONDS_OF_STEP;
    const process = this.#processes[worker] as number;
    this.#history.append({ time, type, process, f, value: [this.#key, value], ...(error !== undefined && { error }) });
  }
}

const KAFKA_KEYS = 20;
const MESSAGES_OF_POLL = 10;

/** A sender and a poller for each key: ten sends, and then a poll that has all of them. */
export function busyLogs(messages: number): History {
  const history = new History();
  const note = (type: OperationType, process: number, f: string, value: unknown) =>
    history.append({ time: history.length * NANOSECONDS_OF_STEP, type, process, f, value });
  const keys = Array.from({ length: KAFKA_KEYS }, (_, key) => String(key));
  for (const [key, name] of keys.entries()) {
    note('invoke', KAFKA_KEYS + key, 'assign', [name]);
    note('ok', KAFKA_KEYS + key, 'assign', [name]);
  }
  for (let first = 0; first * KAFKA_KEYS < messages; first += MESSAGES_OF_POLL) {
    for (const [key, name] of keys.entries()) {
      const pairs = Array.from({ length: MESSAGES_OF_POLL }, (_, place) => [first + place, first + place + 1]);
      for (const [offset, message] of pairs) {
        note('invoke', key, 'send', [['send', name, message]]);
        note('ok', key, 'send', [['send', name, [offset, message]]]);
      }
      note('invoke', KAFKA_KEYS + key, 'poll', [['poll']]);
      note('ok', KAFKA_KEYS + key, 'poll', [['poll', { [name]: pairs }]]);
    }
  }
  return history;
}
