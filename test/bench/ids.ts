/**
 * (a) Ids a second on one core: on a clock that the bench drives, where only the generator counts, and on the real one,
 * where the format's own limit of 4096 ids a millisecond does.
 */

import { randomUUID } from 'node:crypto';
import { systemClock } from '../../src/host/system.ts';
import { IdGenerator } from '../../src/ids/id-generator.ts';
import { type Goal, interleave, type Measured, type Section } from './measure.ts';

const IDS = 4_000_000;
const IDS_PER_MS_BITS = 12;
const START_MS = 1_800_000_000_000;
const ROUNDS = 5;
const SUSTAINED_MS = 1000;
const DRIVEN = `${IDS / 1e6} M ids, driven clock`;

export async function benchIds(): Promise<readonly Section[]> {
  let readings = 0;
  // Moves by a millisecond just when the ids of one are used up.
  const driven = {
    wallMs: () => START_MS + (readings >>> IDS_PER_MS_BITS),
    monotonicMs: () => readings++ >>> IDS_PER_MS_BITS,
  };
  const random = xorshift();
  const strings = await IdGenerator.start({ node: 1, clock: driven, random });
  const bigints = await IdGenerator.start({ node: 2, clock: driven, random });
  const sustained = await IdGenerator.start({ node: 3, clock: systemClock, random });
  const perSecond =
    (make: () => unknown, count = IDS) =>
    () => {
      const start = performance.now();
      let last: unknown;
      for (let index = 0; index < count; index++) last = make();
      const seconds = (performance.now() - start) / 1000;
      if (last === undefined) throw new Error('the generator was held up by a reservation');
      return count / seconds / 1e6;
    };
  const results = await interleave(ROUNDS, {
    uuid: perSecond(() => randomUUID(), IDS / 4),
    string: perSecond(() => strings.next()),
    bigint: perSecond(() => bigints.nextBigint()),
    sustained: () => sustainedRate(sustained),
  });
  const figure = (name: string, input: string, { values, ratios }: Measured, goal?: Goal) => ({
    ...{ name, input, unit: 'M/s', values, yardstick: { name: 'crypto.randomUUID', ratios } },
    ...(goal && { goal }),
  });
  return [
    {
      title: '(a) ids, one core',
      figures: [
        figure('decimal strings', DRIVEN, results.string, { of: 'value', atLeast: 15 }),
        figure('bigints', DRIVEN, results.bigint, { of: 'value', atLeast: 20 }),
        figure('strings, no lead left (the format allows 4.096)', 'real clock', results.sustained),
      ],
    },
  ];
}

/**
 * Ids a second, in millions, once everything that could be borrowed from the future is: what is left is the format's
 * own pace.
 */
function sustainedRate(generator: IdGenerator): number {
  while (take(generator) > 0);
  const start = performance.now();
  let count = 0;
  while (performance.now() - start < SUSTAINED_MS) count += take(generator);
  return count / (performance.now() - start) / 1000;
}

/** As many ids as there are, 256 at most. */
function take(generator: IdGenerator): number {
  let count = 0;
  try {
    for (; count < 256; count++) generator.next();
  } catch {
    // So far ahead of the clock as it may be: not before the next millisecond.
  }
  return count;
}

function xorshift(): () => number {
  let state = 0x9e3779b9;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
