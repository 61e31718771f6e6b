/**
 * The disk of one simulated machine, which outlives its nodes. It promises what POSIX promises: the next life sees an
 * effect at once, but a power failure keeps it only if it was synced before. A file system may write changes of names
 * in any order, and a name before the text of its file. So each change of a name since the last `syncNames` survives or
 * is lost by a draw of its own. So does each text that was never synced (Pillai et al., "All File Systems Are Not
 * Created Equal", OSDI 2014).
 *
 * A file that is appended to keeps what was synced. Of the rest, a power failure may leave the length without the
 * blocks: zeros or what the blocks held before, anywhere in that rest.
 *
 * If only the node ends (kill -9), the disk loses nothing, but an append in progress may leave a part. A disk serves
 * one life at a time: unfinished work of earlier lives counts as abandoned, and their locks are gone.
 */

import type { DiskDamage } from '../harness/fault.ts';
import type { Folder, FolderLock } from '../protocol/folder.ts';
import type { SeededRandom } from '../protocol/random.ts';

/** What a disk needs from a life of its node. */
export interface DiskLife {
  /** Calls back after `delayMs`, unless the life has ended by then. */
  setTimer(delayMs: number, callback: () => void): unknown;
  /**
   * Called with `before <operation> <name>` when an operation starts, and with `after <operation> <name>` when it has
   * taken effect. For a link it is the new name. If the life ends within a call, it ends before, or after, the effect.
   */
  readonly onStep?: (step: string) => void;
}

export interface DiskOptions {
  readonly random: SeededRandom;
  /** Draws how long the next operation takes, ms. Default: uniform in 0.2 … 2 ms. */
  readonly drawLatencyMs?: () => number;
}

/** A file without its names. */
interface Inode {
  text: string;
  /** Whether all of the text is synced. */
  synced: boolean;
  /** How much of it is synced, from the start. */
  syncedLength: number;
  /** Whether it was ever appended to. Every other text is written once. */
  appended: boolean;
}

interface NameChange {
  readonly name: string;
  /** undefined: the name was removed. */
  readonly inode: Inode | undefined;
}

export class SimulatedDisk {
  readonly #damageRandom: SeededRandom;
  readonly #drawLatencyMs: () => number;
  readonly #contents = new Contents();

  constructor({ random, drawLatencyMs }: DiskOptions) {
    const latencyRandom = random.fork('latency');
    this.#damageRandom = random.fork('damage');
    this.#drawLatencyMs = drawLatencyMs ?? (() => 0.2 + 1.8 * latencyRandom.float());
  }

  /** The folder as the next life of the node sees it. */
  open(life: DiskLife): Folder {
    this.#contents.endLife(life, this.#damageRandom);
    return new SimulatedFolder(this.#contents, life, this.#drawLatencyMs);
  }

  /** Damages the disk between two lives. */
  damage(kind: DiskDamage): void {
    if (kind === 'lost') this.#contents.lose();
    else this.#contents.failPower(this.#damageRandom, kind === 'torn');
  }
}

/** The files, on the disk or not yet synced. */
class Contents {
  /** The names that the nodes see. */
  names = new Map<string, Inode>();
  /** How many temporary names were ever given. */
  temporaryCount = 0;
  /** The names of the locks that the present life holds. */
  readonly locks = new Set<string>();
  /** The append that has begun and not taken effect. */
  appending: { readonly name: string; readonly text: string } | undefined;
  #life: DiskLife | undefined;
  /** The names at the last sync, plus what earlier power failures kept. */
  #durableNames = new Map<string, Inode>();
  /** Invariant: applied to the durable names, these changes give `names`. */
  #changes: NameChange[] = [];

  /** Before `next` begins: cuts short what the life before it was doing, unless it is the same life. */
  endLife(next: DiskLife, random: SeededRandom): void {
    if (next === this.#life) return;
    this.#life = next;
    this.locks.clear();
    this.#cutShort(random);
  }

  /** Of an append in progress a part takes effect. */
  #cutShort(random: SeededRandom): void {
    const { appending } = this;
    this.appending = undefined;
    if (appending === undefined) return;
    this.append(appending.name, appending.text.slice(0, random.integer(appending.text.length + 1)));
  }

  append(name: string, text: string): void {
    let inode = this.names.get(name);
    if (inode === undefined) {
      inode = { text: '', synced: false, syncedLength: 0, appended: true };
      this.change(name, inode);
    }
    inode.text += text;
    inode.synced = false;
    inode.appended = true;
  }

  change(name: string, inode: Inode | undefined): void {
    this.#changes.push({ name, inode });
    apply(this.names, { name, inode });
  }

  syncNames(): void {
    this.#durableNames = new Map(this.names);
    this.#changes = [];
  }

  failPower(random: SeededRandom, tears: boolean): void {
    this.#cutShort(random);
    for (const change of this.#changes) {
      if (survives(random)) apply(this.#durableNames, change);
    }
    this.names = new Map(this.#durableNames);
    this.#changes = [];
    for (const inode of this.names.values()) {
      if (!inode.synced) {
        const outcomes = tears ? (inode.appended ? TEARS_OF_APPENDED : TEARS) : LOSSES;
        const [kept, rest] = [inode.text.slice(0, inode.syncedLength), inode.text.slice(inode.syncedLength)];
        inode.text = kept + afterPowerFailure(rest, random, outcomes);
      }
      markSynced(inode);
    }
  }

  lose(): void {
    this.names.clear();
    this.syncNames();
    this.appending = undefined;
  }
}

interface Operation {
  readonly step: string;
  readonly begin: (() => void) | undefined;
  /** Returns what settles the call. */
  readonly takeEffect: () => () => void;
}

class SimulatedFolder implements Folder {
  readonly #contents: Contents;
  readonly #life: DiskLife;
  readonly #drawLatencyMs: () => number;
  /** Temporary names with lower numbers are from earlier lives. */
  readonly #firstTemporary: number;
  /** Operations that have not settled. Invariant: the first is running, the others wait. */
  readonly #operations: Operation[] = [];

  constructor(contents: Contents, life: DiskLife, drawLatencyMs: () => number) {
    this.#contents = contents;
    this.#life = life;
    this.#drawLatencyMs = drawLatencyMs;
    this.#firstTemporary = contents.temporaryCount;
  }

  names(): Promise<string[]> {
    return this.#perform('names', () => [...this.#contents.names.keys()]);
  }

  read(name: string): Promise<string | undefined> {
    return this.#perform(`read ${name}`, () => this.#contents.names.get(name)?.text);
  }

  write(name: string, text: string): Promise<void> {
    return this.#perform(`write ${name}`, () => {
      if (this.#contents.names.has(name)) throw new Error(`${name}: cannot create: it is there`);
      this.#contents.change(name, { text, synced: false, syncedLength: 0, appended: false });
    });
  }

  readPart(name: string, offset: number, length: number): Promise<string> {
    return this.#perform(`read ${name}`, () => this.#inodeOf(name, 'read').text.slice(offset, offset + length));
  }

  append(name: string, text: string): Promise<void> {
    const begin = () => {
      this.#contents.appending = { name, text };
    };
    const effect = () => {
      this.#contents.appending = undefined;
      this.#contents.append(name, text);
    };
    return this.#perform(`append ${name}`, effect, begin);
  }

  async close(): Promise<void> {}

  lock(name: string): Promise<FolderLock> {
    return this.#perform(`lock ${name}`, () => {
      const { locks } = this.#contents;
      if (locks.has(name)) throw new Error(`${name}: is held by this life of the node already`);
      locks.add(name);
      return {
        confirm: async () => {},
        release: async () => {
          locks.delete(name);
        },
      };
    });
  }

  sync(name: string): Promise<void> {
    return this.#perform(`sync ${name}`, () => {
      markSynced(this.#inodeOf(name, 'sync'));
    });
  }

  link(name: string, newName: string): Promise<boolean> {
    return this.#perform(`link ${newName}`, () => {
      const inode = this.#inodeOf(name, 'link');
      if (this.#contents.names.has(newName)) return false;
      this.#contents.change(newName, inode);
      return true;
    });
  }

  remove(name: string): Promise<void> {
    return this.#perform(`remove ${name}`, () => {
      this.#inodeOf(name, 'remove');
      this.#contents.change(name, undefined);
    });
  }

  syncNames(): Promise<void> {
    return this.#perform('syncNames', () => this.#contents.syncNames());
  }

  temporaryName(prefix: string): string {
    return `${prefix}${this.#contents.temporaryCount++}.tmp`;
  }

  async abandonedTemporaries(prefix: string): Promise<string[]> {
    return (await this.names()).filter((name) => {
      const match = name.startsWith(prefix) && /^([0-9]+)\.tmp$/.exec(name.slice(prefix.length));
      return match && Number(match[1]) < this.#firstTemporary;
    });
  }

  describe(name: string): string {
    return name;
  }

  #inodeOf(name: string, doing: string): Inode {
    const inode = this.#contents.names.get(name);
    if (inode === undefined) throw new Error(`${name}: cannot ${doing}: it is not there`);
    return inode;
  }

  /** Queues an operation. The operations of a life take effect one after another, in the order of the calls. */
  #perform<Result>(step: string, effect: () => Result, begin?: () => void): Promise<Result> {
    return new Promise((resolve, reject) => {
      const takeEffect = () => {
        try {
          const result = effect();
          return () => resolve(result);
        } catch (error) {
          return () => reject(error);
        }
      };
      if (this.#operations.push({ step, begin, takeEffect }) === 1) this.#startFirst();
    });
  }

  #startFirst(): void {
    const operation = this.#operations[0];
    if (operation === undefined) return;
    operation.begin?.();
    this.#life.onStep?.(`before ${operation.step}`);
    this.#life.setTimer(this.#drawLatencyMs(), () => {
      const settle = operation.takeEffect();
      this.#life.onStep?.(`after ${operation.step}`);
      settle();
      this.#operations.shift();
      this.#startFirst();
    });
  }
}

function apply(names: Map<string, Inode>, { name, inode }: NameChange): void {
  if (inode === undefined) names.delete(name);
  else names.set(name, inode);
}

function markSynced(inode: Inode): void {
  inode.synced = true;
  inode.syncedLength = inode.text.length;
}

/** What a power failure leaves of a text that was not synced. */
function afterPowerFailure(text: string, random: SeededRandom, outcomes: readonly Outcome[]): string {
  const outcome = random.pick(outcomes);
  if (outcome === 'whole') return text;
  if (outcome === 'empty') return '';
  const start = random.integer(text.length + 1);
  if (outcome === 'cut') return text.slice(0, start);
  if (outcome === 'zeros') return text.slice(0, start).padEnd(text.length, '\0');
  const end = start + random.integer(text.length - start + 1);
  const filler = outcome === 'hole' ? '\0' : String.fromCharCode(97 + random.integer(26));
  return text.slice(0, start) + filler.repeat(end - start) + text.slice(end);
}

type Outcome = 'whole' | 'empty' | 'cut' | 'zeros' | 'hole' | 'stale';

const LOSSES: readonly Outcome[] = ['whole', 'empty'];
/** A file can get its length before its blocks, which then read as zeros. */
const TEARS: readonly Outcome[] = [...LOSSES, 'cut', 'zeros'];
/** A block in the middle may be missing, or hold what it held in another file. */
const TEARS_OF_APPENDED: readonly Outcome[] = [...TEARS, 'hole', 'stale'];

function survives(random: SeededRandom): boolean {
  return random.integer(2) === 1;
}
