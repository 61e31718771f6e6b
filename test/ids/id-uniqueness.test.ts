/**
 * Random lives of generators with one node number: clocks jump, storage fails and hangs but never lies, processes die
 * and come back, sometimes two at a time. In every case no id comes twice and each life's ids increase. The same worlds
 * with a deliberate error must fail, or they would prove nothing.
 */

import { describe, expect, it } from 'vitest';
import { IdGenerator, type IdGeneratorOptions } from '../../src/ids/id-generator.ts';
import type { Reservation } from '../../src/ids/reservation.ts';
import { encodeSnowflake } from '../../src/ids/snowflake.ts';
import { RpcError } from '../../src/protocol/errors.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { compareSnowflakes } from '../../src/workloads/unique-ids/checker/snowflake-rules.ts';
import { ManualClock, NEW_YEAR_MS, settle } from '../support/manual-clock.ts';
import { MemoryReservation } from '../support/memory-reservation.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const SEEDS = Array.from({ length: 40 }, (_, index) => index + 1);
const STEPS = 250;
const LIVES_AT_ONCE_MAX = 3;

type Generator = Pick<IdGenerator, 'next' | 'reserve'>;

/** The parts that a mutant replaces: a life's view of the storage, and its id generator. */
interface Design {
  readonly storage?: (shared: Reservation, random: SeededRandom) => Reservation | undefined;
  readonly start?: (options: IdGeneratorOptions) => Promise<Generator>;
}

interface Life {
  readonly clock: ManualClock;
  generator: Generator | undefined;
  last: string | undefined;
}

interface Outcome {
  ids: number;
  duplicates: number;
  disorders: number;
  errors: number;
  restarts: number;
}

/** Real storage: now and then it fails before or after the write, is slow, or never answers. */
function faulty(stored: Reservation, random: SeededRandom): Reservation {
  return {
    read: () => stored.read(),
    async raise(from, to) {
      const fate = random.integer(100);
      if (fate < 6) throw new Error('failed before');
      if (fate < 8) await new Promise(() => {});
      if (fate < 30) for (let turn = random.integer(200); turn > 0; turn--) await Promise.resolve();
      const result = await stored.raise(from, to);
      if (fate >= 94) throw new Error('failed after');
      if (fate >= 92) await new Promise(() => {});
      return result;
    },
  };
}

/** One random world, the same for the same seed and design. */
class World {
  readonly #outcome: Outcome = { ids: 0, duplicates: 0, disorders: 0, errors: 0, restarts: 0 };
  readonly #random: SeededRandom;
  readonly #design: Design;
  readonly #shared = new MemoryReservation();
  readonly #seen = new Set<string>();
  readonly #lives: Life[] = [];
  #trueMs = NEW_YEAR_MS;

  constructor(seed: number, design: Design) {
    this.#random = new SeededRandom(seed);
    this.#design = design;
  }

  async #begin(): Promise<void> {
    const random = this.#random;
    const life: Life = { clock: new ManualClock(this.#wallMs()), generator: undefined, last: undefined };
    life.clock.monotonic = random.integer(1_000_000) / 8;
    this.#lives.push(life);
    this.#outcome.restarts++;
    const storage = this.#design.storage ?? ((reservation) => reservation);
    const start = this.#design.start ?? IdGenerator.start;
    const starting = start({
      node: 9,
      clock: life.clock,
      random: () => random.uint32(),
      reservation: storage(faulty(this.#shared, random), random),
      leadMsMax: 40,
      windowMs: 10,
    });
    starting.then(
      (generator) => {
        life.generator = generator;
      },
      () => this.#end(life),
    );
    await settle();
  }

  async run(): Promise<Outcome> {
    await this.#begin();
    for (let step = 0; step < STEPS; step++) {
      const begun = this.#step();
      if (begun !== undefined) await begun;
      if (this.#random.integer(2) === 0) await settle();
    }
    return this.#outcome;
  }

  /** One random event; a promise if it begins a life. */
  #step(): Promise<void> | undefined {
    const random = this.#random;
    const lives = this.#lives;
    const life = lives[random.integer(Math.max(lives.length, 1))];
    const event = random.integer(100);
    if (life === undefined || (event < 3 && lives.length < LIVES_AT_ONCE_MAX)) {
      return this.#begin();
    } else if (event < 9) {
      this.#end(life);
      if (lives.length === 0) return this.#begin();
    } else if (event < 20) {
      life.clock.wall = this.#wallMs();
    } else if (event < 22) {
      life.clock.wall = this.#trueMs + random.pick([-300, 300]) * DAY_MS;
    } else if (event < 50) {
      const passedMs = random.pick([0.25, 1, 1, 3, 7, 20]);
      this.#trueMs += passedMs;
      for (const each of lives) if (random.integer(10) > 0) each.clock.pass(passedMs);
    } else {
      this.#takeIds(life, random.pick([1, 1, 2, 5, 30, 300, 5_000]));
    }
    return undefined;
  }

  /** The time that a wall clock shows, with a random error. */
  #wallMs(): number {
    const errorsMs = [0, 0, 0, -1, -40, -300, -1_000, -2_000, 1_000, HOUR_MS, -HOUR_MS, -6 * HOUR_MS];
    return this.#trueMs + this.#random.pick(errorsMs);
  }

  #end(life: Life): void {
    const index = this.#lives.indexOf(life);
    if (index >= 0) this.#lives.splice(index, 1);
  }

  #takeIds(life: Life, count: number): void {
    const outcome = this.#outcome;
    try {
      for (let taken = 0; taken < count; taken++) {
        const id = life.generator?.next();
        if (id === undefined) {
          life.generator?.reserve().catch(() => outcome.errors++);
          return;
        }
        outcome.ids++;
        if (this.#seen.has(id)) outcome.duplicates++;
        this.#seen.add(id);
        if (life.last !== undefined && compareSnowflakes(life.last, id) >= 0) outcome.disorders++;
        life.last = id;
      }
    } catch (error) {
      if (!(error instanceof RpcError && error.code === 11)) throw error;
      outcome.errors++;
    }
  }
}

function live(seed: number, design: Design = {}): Promise<Outcome> {
  return new World(seed, design).run();
}

async function liveAll(design?: Design): Promise<Outcome> {
  const total: Outcome = { ids: 0, duplicates: 0, disorders: 0, errors: 0, restarts: 0 };
  for (const seed of SEEDS) {
    const outcome = await live(seed, design);
    for (const key of Object.keys(total) as (keyof Outcome)[]) total[key] += outcome[key];
  }
  return total;
}

/** The usual generator: wall clock, sequence, nothing else. */
async function startWallClockGenerator({ node, clock, random }: IdGeneratorOptions): Promise<Generator> {
  let timestampMs = 0;
  let sequence = 0;
  return {
    next() {
      const wallMs = Math.floor(clock.wallMs());
      sequence = wallMs === timestampMs ? (sequence + 1) % 4096 : 0;
      timestampMs = wallMs;
      return encodeSnowflake({ timestampMs, node, sequence, entropy: random() & 1 }).toString();
    },
    async reserve() {},
  };
}

const MUTANTS: Record<string, Design> = {
  'has no reservation': { storage: () => undefined },
  'keeps its reservation in the memory of the process': { storage: () => new MemoryReservation() },
  'takes the wall clock alone': { start: startWallClockGenerator },
  'does not read the bound at start': {
    storage: (shared) => {
      const own = new MemoryReservation();
      return {
        read: () => own.read(),
        async raise(from, to) {
          const result = await own.raise(from, to);
          const stored = await shared.read();
          if (stored === undefined || stored < to) await shared.raise(stored, to);
          return result;
        },
      };
    },
  },
  'takes a lost compare-and-set for won': {
    storage: (shared) => ({
      read: () => shared.read(),
      async raise(from, to) {
        await shared.raise(from, to);
        return { won: true, bound: to };
      },
    }),
  },
  'uses a range before it is stored': {
    storage: (shared, random) => {
      let bound: number | undefined;
      return {
        async read() {
          bound = await shared.read();
          return bound;
        },
        async raise(_, to) {
          const from = bound;
          bound = to;
          if (random.integer(2) === 0) shared.raise(from, to).catch(() => {});
          return { won: true, bound: to };
        },
      };
    },
  },
  'stores less than it uses': {
    storage: (shared) => {
      const shortMs = 5;
      return {
        read: () => shared.read(),
        async raise(from, to) {
          const stored = await shared.read();
          const { won, bound } = await shared.raise(stored, Math.max(to - shortMs, (stored ?? 0) + 1));
          return { won: won || from === bound, bound: to };
        },
      };
    },
  },
};

describe('the ids of one node number', () => {
  it('are unique, and increase within a life, under all faults of clocks, storage and processes', async () => {
    const { ids, duplicates, disorders, errors, restarts } = await liveAll();
    expect({ duplicates, disorders }).toEqual({ duplicates: 0, disorders: 0 });
    expect(ids).toBeGreaterThan(400_000);
    expect(restarts).toBeGreaterThan(400);
    expect(errors).toBeGreaterThan(100);
  });

  it('are the same for the same seed', async () => {
    expect(await live(7)).toEqual(await live(7));
  });

  it.each(Object.entries(MUTANTS))('are found to repeat when a mutant %s', async (_, design) => {
    let duplicates = 0;
    for (let index = 0; index < SEEDS.length && duplicates === 0; index++) {
      duplicates += (await live(SEEDS[index] as number, design)).duplicates;
    }
    expect(duplicates).toBeGreaterThan(0);
  });

  it('are found out of order when a mutant takes the wall clock alone', async () => {
    const { disorders } = await live(1, { start: startWallClockGenerator });
    expect(disorders).toBeGreaterThan(0);
  });
});
