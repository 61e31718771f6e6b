/** How far ahead of the clock a service can come, and where it goes on after a restore. */

import { describe, expect, it } from 'vitest';
import { issuedBound } from '../../../src/host/backup/issued-bound.ts';
import { LeasedIds } from '../../../src/ids/fleet/leased-ids.ts';
import { AHEAD_MS_MAX, NUMBER_KEYS, restoredNumber } from '../../../src/ids/fleet/restored-numbers.ts';
import { decodeSnowflake } from '../../../src/ids/snowflake.ts';
import { LinKvStore } from '../../../src/kv/lin-kv-store.ts';
import { NEW_YEAR_MS as T } from '../../support/manual-clock.ts';
import { NumberRig } from '../../support/number-rig.ts';

const CRASHES = 40;
/** Node numbers that are enough for so many crashes. */
const COUNT = 64;

/** A node that crashes again and again at once. Resolves to how far its ids were ahead of the clock, ms. */
async function crash(options: { readonly aheadMsMax?: number }): Promise<number> {
  const rig = new NumberRig();
  const slots = new Set<string>();
  let aheadMs = 0;
  for (let life = 0; life < CRASHES; life++) {
    const { context } = rig.begin('n0');
    const ids = await rig.run(LeasedIds.start(context, new LinKvStore(context), options, {}));
    const { timestampMs, node, sequence } = decodeSnowflake(ids.next() as string);
    slots.add(`${timestampMs}/${node}/${sequence}`);
    aheadMs = Math.max(aheadMs, timestampMs - (T + rig.time.now()));
  }
  expect(slots.size).toBe(CRASHES);
  return aheadMs;
}

describe('a node that loses the rest of its range in every crash', () => {
  it('takes another number before its ids are too far ahead of the clock', async () => {
    expect(await crash({ aheadMsMax: AHEAD_MS_MAX })).toBeLessThanOrEqual(AHEAD_MS_MAX);
    // So the limit is what holds it back.
    expect(await crash({})).toBeGreaterThan(AHEAD_MS_MAX);
  });
});

describe('a node on a restored store', () => {
  it('waits until its first number is near enough, says so, and goes on behind the bound', async () => {
    const [count, slackMs] = [4, 3000];
    const rig = new NumberRig();
    const boundMs = T + AHEAD_MS_MAX + slackMs;
    for (let number = 0; number < count; number++)
      rig.look('lin-kv', { type: 'write', key: NUMBER_KEYS[number], value: restoredNumber(undefined, boundMs) });
    const troubles: (string | undefined)[] = [];
    const { context } = rig.begin('n0', {
      diagnose: (_, find) => void rig.time.schedule(slackMs / 2, () => troubles.push(find())),
    });
    const options = { numberCount: count, aheadMsMax: AHEAD_MS_MAX };
    const ids = await rig.run(LeasedIds.start(context, new LinKvStore(context), options, {}));
    expect(rig.time.now()).toBeGreaterThanOrEqual(slackMs);
    expect(rig.time.now()).toBeLessThan(slackMs + 100);
    expect(troubles).toEqual([
      expect.stringMatching(/no node number is free .* the first will be at 2026-01-01T00:00:03/),
    ]);
    expect(decodeSnowflake(ids.next() as string).timestampMs).toBeGreaterThanOrEqual(boundMs);
  });
});

/**
 * A store is backed up, its node crashes again and again, the backup is restored, the node crashes, and the same backup
 * is restored once more. Resolves to how often an id was not above all earlier ones of its number.
 */
async function restoreTwice(options: { readonly aheadMsMax?: number }, slackMs: number): Promise<number> {
  const rig = new NumberRig();
  const newest = new Map<number, number>();
  let wrong = 0;
  const live = async () => {
    const { context } = rig.begin('n0');
    const ids = await rig.run(
      LeasedIds.start(context, new LinKvStore(context), { ...options, numberCount: COUNT }, {}),
    );
    const { timestampMs, node } = decodeSnowflake(ids.next() as string);
    if (timestampMs <= (newest.get(node) ?? 0)) wrong++;
    newest.set(node, Math.max(timestampMs, newest.get(node) ?? 0));
  };
  await live();
  const backup = Array.from({ length: COUNT }, (_, number) => rig.record(number));
  for (let restores = 0; restores < 2; restores++) {
    for (let crash = 0; crash < CRASHES; crash++) await live();
    const newestBoundMs = Math.max(...backup.map((number) => number?.until ?? 0));
    const boundMs = issuedBound({ slackMs }, { at: T, newestBoundMs }, T + rig.time.now());
    for (const [number, before] of backup.entries())
      rig.look('lin-kv', { type: 'write', key: NUMBER_KEYS[number], value: restoredNumber(before, boundMs) });
  }
  await live();
  return wrong;
}

describe('a backup that is restored twice, with crashes before and in between', () => {
  it('gives no id that is below one of the same number', async () => {
    expect(await restoreTwice({ aheadMsMax: AHEAD_MS_MAX }, 2000)).toBe(0);
  });

  it('would give such ids if services came as far ahead of the clock as crashes take them', async () => {
    expect(await restoreTwice({}, 2000)).toBeGreaterThan(0);
  });
});

describe('a restored number', () => {
  it('has no holder, a newer version, and never a lower bound', () => {
    const text = (until: number | null) => restoredNumber({ ver: 7, holder: 'i-only/x', until }, T);
    expect(text(T - 1)).toBe(`{"holder":null,"until":${T},"ver":8}`);
    expect(text(null)).toBe(`{"holder":null,"until":${T},"ver":8}`);
    expect(text(T + 1)).toBe(`{"holder":null,"until":${T + 1},"ver":8}`);
    expect(restoredNumber(undefined, T)).toBe(`{"holder":null,"until":${T},"ver":1}`);
    expect(NUMBER_KEYS).toHaveLength(1024);
  });
});
