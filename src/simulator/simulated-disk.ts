/**
 * The disk of one simulated machine, which outlives its nodes. It promises what POSIX promises: the next life sees an
 * effect at once, but a power failure keeps it only if it was synced before. A file system may write changes of names
 * in any order, and a name before the text of its file. So each change of a name since the last `syncNames` survives or
 * is lost by a draw of its own. So does each text that was never synced (Pillai et al., "All File Systems Are Not
 * Created Equal", OSDI 2014).
 *
 * If only the node ends (kill -9), the disk loses nothing. A disk serves one life at a time: unfinished work of earlier
 * lives counts as abandoned.
 */

import type { DiskDamage } from '../harness/fault.ts';
import type { Folder } from '../protocol/folder.ts';
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

/** A file without its names. Its text is written once, so `synced` covers all of it. */
interface Inode {
  text: string;
  synced: boolean;
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
  /** The names at the last sync, plus what earlier power failures kept. */
  #durableNames = new Map<string, Inode>();
  /** Invariant: applied to the durable names, these changes give `names`. */
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
  /** Temporary names with lower numbers are from earlier lives. */
  readonly #firstTemporary: number;
  /** Operations that have not settled. Invariant: the first is running, the others wait. */
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

  /** Queues an operation. The operations of a life take effect one after another, in the order of the calls. */
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

/** What a power failure leaves of a text that was not synced. */
function afterPowerFailure(text: string, random: SeededRandom, tears: boolean): string {
  const outcome = random.pick(tears ? TEARS : LOSSES);
  if (outcome === 'whole') return text;
  if (outcome === 'empty') return '';
  const kept = text.slice(0, random.integer(text.length + 1));
  return outcome === 'cut' ? kept : kept.padEnd(text.length, '\0');
}

const LOSSES = ['whole', 'empty'] as const;
/** A file can get its length before its blocks, which then read as zeros. */
const TEARS = [...LOSSES, 'cut', 'zeros'] as const;

function survives(random: SeededRandom): boolean {
  return random.integer(2) === 1;
}
