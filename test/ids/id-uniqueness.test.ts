/**
 * Random lives of generators with one node number: clocks jump, storage fails, hangs and lies about nothing, processes
 * die and come back, sometimes two at a time. Whatever happens, no id comes twice and each life's ids increase. The
 * same worlds with something deliberately wrong in them must fail, or they would prove nothing.
 */

import { describe, expect, it } from 'vitest';
import { IdGenerator, type IdGeneratorOptions } from '../../src/ids/id-generator.ts';
import { MemoryReservation, type Reservation } from '../../src/ids/reservation.ts';
import { compareSnowflakes, encodeSnowflake } from '../../src/ids/snowflake.ts';
import { RpcError } from '../../src/protocol/errors.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { ManualClock, NEW_YEAR_MS, settle } from '../support/manual-clock.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const SEEDS = Array.from({ length: 40 }, (_, index) => index + 1);
const STEPS = 250;
const LIVES_AT_ONCE_MAX = 3;

type Generator = Pick<IdGenerator, 'next' | 'reserve'>;

/** What a mutant replaces: how a life's storage looks to it, and what makes its ids. */
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

/** Storage as it is: now and then it fails before or after the deed, is slow, or never answers. */
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
async function live(seed: number, design: Design = {}): Promise<Outcome> {
  const random = new SeededRandom(seed);
  const shared = new MemoryReservation();
  const seen = new Set<string>();
  const outcome: Outcome = { ids: 0, duplicates: 0, disorders: 0, errors: 0, restarts: 0 };
  const lives: Life[] = [];
  let trueMs = NEW_YEAR_MS;

  const anyError = () => random.pick([0, 0, 0, -1, -40, -300, -1_000, -2_000, 1_000, HOUR_MS, -HOUR_MS, -6 * HOUR_MS]);

  const begin = async () => {
    const life: Life = { clock: new ManualClock(trueMs + anyError()), generator: undefined, last: undefined };
    life.clock.monotonic = random.integer(1_000_000) / 8;
    lives.push(life);
    outcome.restarts++;
    const storage = design.storage ?? ((reservation) => reservation);
    const start = design.start ?? IdGenerator.start;
    const starting = start({
      node: 9,
      clock: life.clock,
      random: () => random.uint32(),
      reservation: storage(faulty(shared, random), random),
      leadMsMax: 40,
      windowMs: 10,
    });
    starting.then(
      (generator) => {
        life.generator = generator;
      },
      () => end(life),
    );
    await settle();
  };

  const end = (life: Life) => {
    const index = lives.indexOf(life);
    if (index >= 0) lives.splice(index, 1);
  };

  const takeIds = (life: Life, count: number) => {
    try {
      for (let taken = 0; taken < count; taken++) {
        const id = life.generator?.next();
        if (id === undefined) {
          life.generator?.reserve().catch(() => outcome.errors++);
          return;
        }
        outcome.ids++;
        if (seen.has(id)) outcome.duplicates++;
        seen.add(id);
        if (life.last !== undefined && compareSnowflakes(life.last, id) >= 0) outcome.disorders++;
        life.last = id;
      }
    } catch (error) {
      if (!(error instanceof RpcError && error.code === 11)) throw error;
      outcome.errors++;
    }
  };

  await begin();
  for (let step = 0; step < STEPS; step++) {
    const life = lives[random.integer(Math.max(lives.length, 1))];
    const event = random.integer(100);
    if (life === undefined || (event < 3 && lives.length < LIVES_AT_ONCE_MAX)) {
      await begin();
    } else if (event < 9) {
      end(life);
      if (lives.length === 0) await begin();
    } else if (event < 20) {
      life.clock.wall = trueMs + anyError();
    } else if (event < 22) {
      life.clock.wall = trueMs + random.pick([-300, 300]) * DAY_MS;
    } else if (event < 50) {
      const passedMs = random.pick([0.25, 1, 1, 3, 7, 20]);
      trueMs += passedMs;
      for (const each of lives) if (random.integer(10) > 0) each.clock.pass(passedMs);
    } else {
      takeIds(life, random.pick([1, 1, 2, 5, 30, 300, 5_000]));
    }
    if (random.integer(2) === 0) await settle();
  }
  return outcome;
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
  it('are unique, and increase within a life, whatever happens to clocks, storage and processes', async () => {
    const { ids, duplicates, disorders, errors, restarts } = await liveAll();
    expect({ duplicates, disorders }).toEqual({ duplicates: 0, disorders: 0 });
    expect(ids).toBeGreaterThan(400_000);
    expect(restarts).toBeGreaterThan(400);
    expect(errors).toBeGreaterThan(100);
  });

  it('come the same for the same seed', async () => {
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
