/**
 * Random clients of an engine on a simulated disk, whose machine is killed and loses power at random steps, and what a
 * store must keep whatever happens: the rules by which `log-fuzz.test.ts` judges.
 *
 * Tokens of a log ascend, so two things that were told about one key can be put in order. An operation that began after
 * another had ended must not tell of anything older.
 */

import { createSettle } from '../../../src/host/settle.ts';
import { LogEngine, type LogEngineOptions } from '../../../src/kv/log/log-engine.ts';
import type { StoreEngine, Token } from '../../../src/kv/store.ts';
import type { Folder } from '../../../src/protocol/folder.ts';
import { SeededRandom } from '../../../src/protocol/random.ts';
import { SimulatedDisk } from '../../../src/simulator/simulated-disk.ts';
import { VirtualTime } from '../../../src/simulator/virtual-time.ts';

const KEYS = ['a', 'b', 'ä', '😀'];
/** What is written ahead of other values, and named by them. */
const AHEAD_KEY = 'ahead';
/** One of so many is written whether anything follows or not. */
const FLUSHED = 8;
const LIVES = 10;
const CLIENTS = 6;
const OPERATIONS_MAX = 25;
const STEPS_MAX = 160;
/** About what a start takes. */
const STEPS_OF_A_START = 30;
const PAUSE_MS_MAX = 4;

/** What is wrong on purpose, in one life. */
export interface Mistake {
  /** The folder as the engine sees it. */
  readonly folder?: (folder: Folder) => Folder;
  /** The engine as its clients see it. */
  readonly engine?: (engine: StoreEngine) => StoreEngine;
  /** Whether it writes no snapshots. */
  readonly withoutSnapshots?: boolean;
}

/** What was told about a key. The moments are those of a counter that every event raises. */
class KeyHistory {
  readonly #key: string;
  /** Texts by token, as far as they were told. */
  readonly #texts = new Map<number, string>();
  readonly #tokens = new Map<string, number>();
  /** Texts that were asked to be stored. */
  readonly asked = new Set<string>();
  /** The newest token that was told, by an operation that has ended: each with its moment. */
  readonly #told: { readonly atMoment: number; readonly token: number }[] = [];
  /** Replacements and removals that may have happened, from which token on, and when they began and ended. */
  readonly #removals: { readonly from: number; readonly begun: number; ended: number; ok: boolean }[] = [];
  /** From which tokens a change has succeeded, and the token it led to; 0: none. */
  readonly #changed = new Map<number, number>();

  /** Changes that were refused although they were from a token that had been told. */
  readonly #refused: { readonly from: number; readonly ended: number }[] = [];

  constructor(key: string) {
    this.#key = key;
  }

  /** The highest token told before a moment; 0: none. */
  #toldBefore(moment: number): number {
    let newest = 0;
    for (const { atMoment, token } of this.#told) if (atMoment < moment) newest = Math.max(newest, token);
    return newest;
  }

  /** A token and its text, told by an operation; what is wrong with it. */
  show(token: number, text: string, begun: number, ended: number): string | undefined {
    const before = this.#toldBefore(begun);
    this.#told.push({ atMoment: ended, token });
    if (!this.asked.has(text)) return `${this.#key} shows ${text}, which nobody wrote`;
    if ((this.#texts.get(token) ?? text) !== text)
      return `${this.#key} shows ${text} at ${token}, where ${this.#texts.get(token)} was`;
    if ((this.#tokens.get(text) ?? token) !== token)
      return `${this.#key} shows ${text} at ${token}, and did at ${this.#tokens.get(text)}`;
    this.#texts.set(token, text);
    this.#tokens.set(text, token);
    if (token < before) return `${this.#key} is at ${token}, and ${before} was told before`;
    const refused = this.#refused.find((refusal) => refusal.from === token && refusal.ended < begun);
    if (refused !== undefined) return `${this.#key} is at ${token}, from which a change was refused`;
    const gone = this.#removals.find((removal) => removal.ok && removal.from === token && removal.ended < begun);
    return gone === undefined ? undefined : `${this.#key} is at ${token}, which was removed`;
  }

  /** A key that an operation found absent. */
  showAbsent(begun: number, ended: number): string | undefined {
    const before = this.#toldBefore(begun);
    const isExplained = before === 0 || this.#removals.some((each) => each.from >= before && each.begun < ended);
    return isExplained ? undefined : `${this.#key} is absent, and ${before} was told before, which nobody removed`;
  }

  /** A change succeeded from a token (0: from nothing) to another (0: it was removed). */
  change(from: number, to: number, begun: number, ended: number): string | undefined {
    const before = this.#toldBefore(begun);
    if (from > 0 && this.#changed.has(from)) return `${this.#key} was changed twice from ${from}`;
    if (from > 0) this.#changed.set(from, to);
    if (from > 0 && from < before) return `${this.#key} was changed from ${from}, and ${before} was told before`;
    return from === 0 ? this.showAbsent(begun, ended) : undefined;
  }

  /** A change from a token was refused. If that is the token still, the refusal was wrong. */
  refuse(from: number, begun: number, ended: number): void {
    if (this.#toldBefore(begun) === from) this.#refused.push({ from, ended });
  }

  removing(from: number, begun: number): (ok: boolean, ended: number) => void {
    const removal = { from, begun, ended: Number.POSITIVE_INFINITY, ok: false };
    this.#removals.push(removal);
    return (ok, ended) => {
      if (ok) Object.assign(removal, { ok, ended });
      // A refusal proves that this one did nothing. Any other end proves nothing.
      else this.#removals.splice(this.#removals.indexOf(removal), 1);
    };
  }
}

/** One life of the machine. */
class Life {
  alive = true;
  readonly ended: Promise<void>;
  #end: () => void = () => {};
  #stepsLeft: number;
  readonly #time: VirtualTime;

  constructor(time: VirtualTime, stepsLeft: number) {
    this.#time = time;
    this.#stepsLeft = stepsLeft;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  readonly setTimer = (delayMs: number, callback: () => void): void => {
    this.#time.schedule(delayMs, () => {
      if (this.alive) callback();
    });
  };

  readonly onStep = (): void => {
    if (--this.#stepsLeft === 0) this.kill();
  };

  kill(): void {
    this.alive = false;
    this.#end();
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.setTimer(delayMs, resolve));
  }
}

/** Marks that are written ahead: of each life the number of the newest. A value may name one, and needs it then. */
class Marks {
  readonly #engine: StoreEngine;
  readonly #life: string;
  readonly #earlier: string;
  #token: Token | null;
  #isOpen = false;
  #flush = () => {};
  #count = 0;

  static async open(engine: StoreEngine, life: number): Promise<Marks> {
    const read = await engine.read(AHEAD_KEY);
    return new Marks(engine, `${life}`, read.kind === 'found' ? read : undefined);
  }

  private constructor(engine: StoreEngine, life: string, earlier: { text: string; token: Token } | undefined) {
    this.#engine = engine;
    this.#life = life;
    this.#earlier = earlier === undefined ? '' : `${earlier.text} `;
    this.#token = earlier?.token ?? null;
  }

  /** A mark that is written ahead of whatever is written from now on. Undefined: the engine has ended. */
  next(): string | undefined {
    if (!this.#isOpen) {
      const write = this.#engine.writeAhead?.(AHEAD_KEY, this.#token, () => {
        this.#isOpen = false;
        return `${this.#earlier}${this.#life}:${this.#count}`;
      });
      if (write === undefined) return undefined;
      this.#isOpen = true;
      this.#token = write.token;
      this.#flush = write.flush;
    }
    if (this.#count % FLUSHED === 0) this.#flush();
    return `${this.#life}:${++this.#count}`;
  }

  static has(text: string, mark: string): boolean {
    const [life, number] = mark.split(':');
    return text.split(' ').some((one) => one.split(':')[0] === life && Number(one.split(':')[1]) >= Number(number));
  }
}

/** What a run has done, so that a test can see that it did something. */
export interface Totals {
  operations: number;
  acknowledged: number;
  snapshots: number;
  recovered: number;
  torn: number;
  refused: number;
  /** Values that name a mark, which was there. */
  marked: number;
}

export function noTotals(): Totals {
  return { operations: 0, acknowledged: 0, snapshots: 0, recovered: 0, torn: 0, refused: 0, marked: 0 };
}

/** Lives of a machine, one after another. */
export class LogWorld {
  readonly totals = noTotals();
  /** What was wrong, in words. */
  readonly violations: string[] = [];
  readonly #makeMistake: () => Mistake;
  readonly #random: SeededRandom;
  readonly #time = new VirtualTime(createSettle());
  readonly #disk: SimulatedDisk;
  readonly #histories = new Map(KEYS.map((key) => [key, new KeyHistory(key)]));
  /** What clients believe to be the token of a key. */
  readonly #known = new Map<string, Token>();
  #moment = 0;
  #textCount = 0;
  #lifeCount = 0;

  constructor(seed: string, makeMistake: () => Mistake = () => ({})) {
    this.#makeMistake = makeMistake;
    this.#random = new SeededRandom(seed);
    this.#disk = new SimulatedDisk({ random: this.#random.fork('disk') });
  }

  /** Runs all lives; stops at the first violation. */
  async run(): Promise<void> {
    await this.#time.run(this.#live());
  }

  async #live(): Promise<void> {
    for (let number = 1; number <= LIVES && this.violations.length === 0; number++) {
      const isLast = number === LIVES;
      const stepsMax = this.#random.pick([STEPS_MAX, STEPS_MAX, STEPS_OF_A_START]);
      const life = new Life(this.#time, isLast ? Number.POSITIVE_INFINITY : 1 + this.#random.integer(stepsMax));
      await Promise.race([this.#serve(life, isLast), life.ended]);
      life.kill();
      const damage = this.#random.pick(['none', 'none', 'unsynced', 'torn', 'torn'] as const);
      if (damage !== 'none') this.#disk.damage(damage);
    }
  }

  async #serve(life: Life, isLast: boolean): Promise<void> {
    const mistake = this.#makeMistake();
    const plain = this.#disk.open(life);
    const folder = mistake.folder?.(plain) ?? plain;
    const engine = await this.#open(folder, mistake, life);
    if (engine === undefined) return;
    this.totals.recovered += engine.figures().keys as number;
    this.totals.torn += Number((engine.figures()['torn-bytes'] as number) > 0);
    const marks = await Marks.open(engine, ++this.#lifeCount);
    const clients = this.#askAll(life, engine, marks);
    if (this.#random.integer(3) === 0) clients.push(this.#intrude(folder, mistake, life));
    await Promise.all(clients);
    if (isLast) for (const key of KEYS) await this.#read(engine, key);
    if (this.#random.integer(3) === 0) await engine.close();
    this.totals.snapshots += engine.figures().snapshots as number;
  }

  async #open(folder: Folder, mistake: Mistake, life: Life): Promise<StoreEngine | undefined> {
    const options: LogEngineOptions = {
      clock: { monotonicMs: () => this.#time.now() },
      onFailure: (error) => this.violations.push(`the engine stopped: ${error.message}`),
      snapshotBytesMin: mistake.withoutSnapshots ? Number.POSITIVE_INFINITY : this.#random.pick([200, 1000, 4000]),
      snapshotFactor: 0,
    };
    try {
      const engine = await LogEngine.open(folder, options);
      return mistake.engine?.(engine) ?? engine;
    } catch (error) {
      if (life.alive) this.violations.push(`it does not open: ${error}`);
      return undefined;
    }
  }

  /** A second opener, while the first serves. It must be refused. If it is not, it is used. */
  async #intrude(folder: Folder, mistake: Mistake, life: Life): Promise<void> {
    await life.sleep(this.#random.float() * PAUSE_MS_MAX * 4);
    const before = this.violations.length;
    const engine = await this.#open(folder, mistake, life);
    if (engine !== undefined) await Promise.all(this.#askAll(life, engine, undefined));
    else if (this.violations[before]?.includes('is held by'))
      this.totals.refused += this.violations.splice(before).length;
  }

  #askAll(life: Life, engine: StoreEngine, marks: Marks | undefined): Promise<void>[] {
    return Array.from({ length: CLIENTS }, () => this.#ask(life, engine, marks, this.#random.integer(OPERATIONS_MAX)));
  }

  async #ask(life: Life, engine: StoreEngine, marks: Marks | undefined, count: number): Promise<void> {
    for (let asked = 0; asked < count && this.violations.length === 0; asked++) {
      await life.sleep(this.#random.float() * PAUSE_MS_MAX);
      const key = this.#random.pick(KEYS);
      const kind = this.#random.integer(10);
      this.totals.operations++;
      if (kind < 4) await this.#read(engine, key);
      else if (kind < 5) await this.#list(engine);
      else if (kind < 9) await this.#replace(engine, key, marks);
      else await this.#remove(engine, key);
    }
  }

  #judge(violation: string | undefined): void {
    if (violation !== undefined) this.violations.push(violation);
  }

  async #read(engine: StoreEngine, key: string): Promise<void> {
    const begun = ++this.#moment;
    const read = await engine.read(key);
    const ended = ++this.#moment;
    const history = this.#historyOf(key);
    if (read.kind === 'found') {
      this.#judge(history.show(Number(read.token), read.text, begun, ended));
      this.#known.set(key, read.token);
      await this.#findMark(engine, read.text);
    } else if (read.kind === 'absent') {
      this.#judge(history.showAbsent(begun, ended));
      this.#known.delete(key);
    } else this.#judge(`a read of ${key} is ${read.kind}`);
  }

  /** Whether what was written ahead of a value is there. */
  async #findMark(engine: StoreEngine, text: string): Promise<void> {
    const [, mark] = / after (\S+)/.exec(text) ?? [];
    if (mark === undefined) return;
    const read = await engine.read(AHEAD_KEY);
    if (read.kind === 'failed') return this.#judge('a read of marks failed');
    if (read.kind === 'found' && Marks.has(read.text, mark)) this.totals.marked++;
    else this.#judge(`there is "${text}", and what was written ahead of it is not`);
  }

  async #list(engine: StoreEngine): Promise<void> {
    const begun = ++this.#moment;
    const listed = await engine.list('', undefined, 10);
    const ended = ++this.#moment;
    if (listed.kind !== 'ok') return this.#judge(`a list is ${listed.kind}`);
    for (const key of KEYS) if (!listed.keys.includes(key)) this.#judge(this.#historyOf(key).showAbsent(begun, ended));
  }

  async #replace(engine: StoreEngine, key: string, marks: Marks | undefined): Promise<void> {
    const from = this.#random.integer(8) === 0 ? null : (this.#known.get(key) ?? null);
    const history = this.#historyOf(key);
    const mark = this.#random.integer(2) === 0 ? marks?.next() : undefined;
    const text = `text ${this.#textCount++}${mark ? ` after ${mark}` : ''} ${'x'.repeat(this.#random.integer(60))}`;
    history.asked.add(text);
    const begun = ++this.#moment;
    const result = await engine.replace(key, from, text);
    const ended = ++this.#moment;
    if (result.kind === 'refused' && from !== null) history.refuse(Number(from), begun, ended);
    if (result.kind !== 'ok') return;
    this.totals.acknowledged++;
    this.#judge(history.change(Number(from ?? 0), Number(result.token), begun, ended));
    this.#judge(history.show(Number(result.token), text, begun, ended));
    this.#known.set(key, result.token);
  }

  async #remove(engine: StoreEngine, key: string): Promise<void> {
    const from = this.#known.get(key);
    if (from === undefined) return;
    const history = this.#historyOf(key);
    const begun = ++this.#moment;
    const end = history.removing(Number(from), begun);
    const result = await engine.remove(key, from);
    const ended = ++this.#moment;
    if (result.kind === 'ok') {
      this.totals.acknowledged++;
      end(true, ended);
      this.#judge(history.change(Number(from), 0, begun, ended));
      this.#known.delete(key);
    } else if (result.kind !== 'silent') end(false, ended);
    if (result.kind === 'refused') history.refuse(Number(from), begun, ended);
  }

  #historyOf(key: string): KeyHistory {
    return this.#histories.get(key) as KeyHistory;
  }
}
