import { describe, expect, it } from 'vitest';
import { RateLimit } from '../../src/node/rate-limit.ts';
import { SeededRandom } from '../../src/protocol/random.ts';

/** How many of `count` requests at one moment are let through. */
function passed(limit: RateLimit, client: string, nowMs: number, count: number): number {
  let passing = 0;
  for (let request = 0; request < count; request++) if (limit.take(client, nowMs) === 0) passing++;
  return passing;
}

describe('a rate limit', () => {
  it.each([
    [1000, 1000],
    [7, 7],
    [1.5, 1],
    [1, 1],
    [0.1, 1],
  ])('of %d/s lets %d requests through at once, and says how long the next one has to wait', (rate, burst) => {
    const limit = new RateLimit(rate);
    expect(passed(limit, 'c1', 5, burst)).toBe(burst);
    const waitMs = limit.take('c1', 5);
    expect(waitMs).toBeGreaterThan(0);
    expect(waitMs).toBeLessThanOrEqual(Math.ceil(1000 / rate));
    // Asking too early costs nothing.
    expect(passed(limit, 'c1', 5, 100)).toBe(0);
    expect(limit.take('c1', 5 + waitMs - 1)).toBe(1);
    expect(limit.take('c1', 5 + waitMs)).toBe(0);
  });

  it.each([0.3, 1, 3, 999, 12_345.678, 1e6])(
    'of %d/s holds over any time, and a client that waits as told is let through',
    (rate) => {
      const random = new SeededRandom(`rate ${rate}`);
      const burst = Math.floor(Math.max(rate, 1));
      const limit = new RateLimit(rate);
      const startMs = 1e9;
      let nowMs = startMs;
      let count = passed(limit, 'c1', nowMs, burst);
      expect(count).toBe(burst);
      for (let round = 0; round < 5000; round++) {
        const waitMs = limit.take('c1', nowMs);
        if (waitMs === 0) count++;
        else if (random.uint32() % 2 === 0) {
          nowMs += waitMs;
          expect(limit.take('c1', nowMs)).toBe(0);
          count++;
        } else nowMs += (waitMs * random.uint32()) / 2 ** 32;
        expect(count).toBeLessThanOrEqual(Math.max(rate, 1) + (rate * (nowMs - startMs)) / 1000 + 0.01);
      }
    },
  );

  it('gives no more than one burst after a long silence', () => {
    const limit = new RateLimit(10);
    limit.take('c1', 0);
    expect(passed(limit, 'c1', 1e12, 1000)).toBe(10);
  });

  it('keeps clients apart', () => {
    const limit = new RateLimit(2);
    expect(passed(limit, 'c1', 0, 100)).toBe(2);
    expect(passed(limit, 'c2', 0, 100)).toBe(2);
    expect(passed(limit, 'c1', 500, 100)).toBe(1);
    expect(passed(limit, 'c2', 500, 100)).toBe(1);
  });

  it('keeps clients apart whose names are those of an object', () => {
    const limit = new RateLimit(1);
    for (const name of ['__proto__', 'constructor', 'toString']) expect(passed(limit, name, 0, 3)).toBe(1);
  });

  it('cannot be evaded by names of any length', () => {
    const limit = new RateLimit(1);
    const name = 'x'.repeat(100_000);
    expect(passed(limit, name, 0, 3)).toBe(1);
    expect(passed(limit, `${name}y`, 0, 3)).toBe(0);
  });

  it('takes names with the same first 256 characters for one client, and no others', () => {
    const limit = new RateLimit(1);
    const name = 'x'.repeat(255);
    for (const client of [`${name}y`, `${name}z`, `y${name}`, `z${name}`]) expect(passed(limit, client, 0, 3)).toBe(1);
    expect(passed(limit, `${name}yz`, 0, 3)).toBe(0);
  });

  it('gives a token when no more than a millionth of it is missing, and to one request only', () => {
    const limit = new RateLimit(1000);
    expect(passed(limit, 'c1', 0, 1001)).toBe(1000);
    expect(limit.take('c1', 1 - 1.001e-6)).toBe(1);
    expect(passed(limit, 'c1', 1 - 1e-6, 2)).toBe(1);
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('of %d/s is an error of the caller', (rate) => {
    expect(() => new RateLimit(rate)).toThrow('a rate limit of');
  });

  it('for no client is an error of the caller, for a single one it is none', () => {
    expect(() => new RateLimit(1, 0)).toThrow('a rate limit for 0 clients');
    expect(passed(new RateLimit(1, 1), 'c1', 0, 2)).toBe(1);
  });
});

describe('the clock of a rate limit', () => {
  it('may stand still: the burst goes, and nothing more', () => {
    const limit = new RateLimit(5);
    expect(passed(limit, 'c1', 42, 10_000)).toBe(5);
    expect(limit.take('c1', 42)).toBe(200);
  });

  it('may go back: no client waits longer than one token takes', () => {
    const limit = new RateLimit(5);
    expect(passed(limit, 'c1', 1e9, 5)).toBe(5);
    expect(limit.take('c1', 0)).toBe(200);
    expect(limit.take('c1', 200)).toBe(0);
    expect(passed(limit, 'c1', 10_000, 100)).toBe(5);
  });

  it('may show nonsense: it then counts as standing still', () => {
    const limit = new RateLimit(4);
    expect(limit.take('c1', 1000)).toBe(0);
    for (const nowMs of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
      expect(limit.take('c1', nowMs)).toBe(0);
    expect(limit.take('c1', Number.NaN)).toBe(250);
    expect(limit.take('c1', 1250)).toBe(0);
  });

  it('may jump anywhere: a wait is a whole number of ms, and never longer than for one token', () => {
    const random = new SeededRandom('jumps');
    const limit = new RateLimit(3);
    for (let round = 0; round < 10_000; round++) {
      const waitMs = limit.take(`c${random.uint32() % 3}`, (random.uint32() - 2 ** 31) * 10 ** (random.uint32() % 8));
      expect(Number.isInteger(waitMs) && waitMs >= 0 && waitMs <= 334, `waits ${waitMs}`).toBe(true);
    }
  });
});

describe('the memory of a rate limit', () => {
  it('is bounded for any number of clients', () => {
    const limit = new RateLimit(1);
    for (let client = 0; client < 3 * 4096; client++) limit.take(`c${client}`, client / 100);
    expect(limit.clientCount).toBe(4096);
  });

  it('is searched for full buckets once in 256 new clients', () => {
    const limit = new RateLimit(1, 3);
    const searches: number[] = [];
    for (let nth = 1; nth <= 600; nth++) {
      // Every bucket is full again when the next client comes.
      limit.take(`c${nth}`, 1000 * nth);
      if (limit.clientCount === 1) searches.push(nth);
    }
    expect(searches).toEqual([1, 4, 260, 516]);
  });

  it('forgets full buckets first, though others were not used for longer', () => {
    const limit = new RateLimit(2, 3);
    expect(passed(limit, 'long-ago', 0, 2)).toBe(2);
    limit.take('full-again-1', 100);
    limit.take('full-again-2', 101);
    limit.take('new', 700);
    expect(limit.clientCount).toBe(2);
    // One token has come back by now, and only one.
    expect(passed(limit, 'long-ago', 700, 10)).toBe(1);
  });

  it('forgets the least recently used bucket when none is full', () => {
    const limit = new RateLimit(1, 3);
    for (const client of ['c1', 'c2', 'c3']) expect(limit.take(client, 0)).toBe(0);
    expect(limit.take('c1', 1)).toBeGreaterThan(0);
    expect(limit.take('c4', 2)).toBe(0);
    expect(limit.take('c1', 3)).toBeGreaterThan(0);
    expect(limit.take('c3', 3)).toBeGreaterThan(0);
    // Forgotten, and so like new.
    expect(limit.take('c2', 3)).toBe(0);
  });
});
