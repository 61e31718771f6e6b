/**
 * The disk of one simulated machine, which outlives the nodes that live on it. It promises what POSIX promises: an
 * effect is there for the next life at once, and there after a power failure only if it was synced before. A file
 * system may bring changes of names to the disk in any order, and a name before the text of its file; so each change of
 * a name since the last `syncNames` survives or is lost by a draw of its own, and so does each text that was never
 * synced (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014).
 *
 * An end of the node alone (kill -9) is nothing to the disk. One life at a time: what earlier ones left unfinished
 * counts as abandoned.
 */

import type { DiskDamage } from '../harness/fault.ts';
import type { Folder } from '../protocol/folder.ts';
import type { SeededRandom } from '../protocol/random.ts';

/** What a disk needs of one life of the node on it. */
export interface DiskLife {
  /** Calls back after `delayMs`, unless the life has ended by then. */
  setTimer(delayMs: number, callback: () => void): unknown;
  /**
   * Told `before <operation> <name>` when an operation starts and `after <operation> <name>` when it has taken effect;
   * of a link, the new name. A life that ends within either call has ended before, or after, the effect.
   */
  readonly onStep?: (step: string) => void;
}

export interface DiskOptions {
  readonly random: SeededRandom;
  /** How long the next operation takes. Default: uniform in 0.2 … 2 ms. */
  readonly drawLatencyMs?: () => number;
}

/** A file without its names. Its text is written once, so what was synced is the text. */
interface Inode {
  text: string;
  synced: boolean;
}

interface NameChange {
  readonly name: string;
  /** undefined: the name was taken away. */
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
    return new SimulatedFolder(this.#contents, life, this.#drawLatencyMs);
  }

  /** What happens to the disk between two lives. */
  damage(kind: DiskDamage): void {
    if (kind === 'lost') this.#contents.lose();
    else this.#contents.failPower(this.#damageRandom, kind === 'torn');
  }
}

/** What is on the disk, or on its way there. */
class Contents {
  /** The names as everybody sees them. */
  names = new Map<string, Inode>();
  /** Of every temporary name that was ever given. */
  temporaryCount = 0;
  /** The names as they were when they were last synced. */
  #durableNames = new Map<string, Inode>();
  /** Invariant: these, made to the durable names, give the names. */
  #changes: NameChange[] = [];

  change(name: string, inode: Inode | undefined): void {
    this.#changes.push({ name, inode });
    apply(this.names, { name, inode });
  }

  syncNames(): void {
    this.#durableNames = new Map(this.names);
    this.#changes = [];
  }

  failPower(random: SeededRandom, tears: boolean): void {
    for (const change of this.#changes) {
      if (survives(random)) apply(this.#durableNames, change);
    }
    this.names = new Map(this.#durableNames);
    this.#changes = [];
    for (const inode of this.names.values()) {
      if (!inode.synced) inode.text = afterPowerFailure(inode.text, random, tears);
      inode.synced = true;
    }
  }

  lose(): void {
    this.names.clear();
    this.syncNames();
  }
}

class SimulatedFolder implements Folder {
  readonly #contents: Contents;
  readonly #life: DiskLife;
  readonly #drawLatencyMs: () => number;
  /** Temporary names with a lower number are those of earlier lives. */
  readonly #firstTemporary: number;
  /** Operations that have not settled. Invariant: the first is under way, the others wait. */
  readonly #operations: { readonly step: string; readonly takeEffect: () => () => void }[] = [];

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
      this.#contents.change(name, { text, synced: false });
    });
  }

  sync(name: string): Promise<void> {
    return this.#perform(`sync ${name}`, () => {
      this.#inodeOf(name, 'sync').synced = true;
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

  /** Queues an operation: all of one life take effect one after another, in the order in which they were asked for. */
  #perform<Result>(step: string, effect: () => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      const takeEffect = () => {
        try {
          const result = effect();
          return () => resolve(result);
        } catch (error) {
          return () => reject(error);
        }
      };
      if (this.#operations.push({ step, takeEffect }) === 1) this.#startFirst();
    });
  }

  #startFirst(): void {
    const operation = this.#operations[0];
    if (operation === undefined) return;
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

/** What the disk has of a text that was not synced. */
function afterPowerFailure(text: string, random: SeededRandom, tears: boolean): string {
  const outcome = random.pick(tears ? TEARS : LOSSES);
  if (outcome === 'whole') return text;
  if (outcome === 'empty') return '';
  const kept = text.slice(0, random.integer(text.length + 1));
  return outcome === 'cut' ? kept : kept.padEnd(text.length, '\0');
}

const LOSSES = ['whole', 'empty'] as const;
/** A file can have its length before it has its blocks, which are then zero. */
const TEARS = [...LOSSES, 'cut', 'zeros'] as const;

function survives(random: SeededRandom): boolean {
  return random.integer(2) === 1;
}
