/** The writing of an audit: groups, failures of the store, several instances, retention at the same time. */

import { describe, expect, it } from 'vitest';
import { headKey, LATEST_KEY, pageKey } from '../../src/audit/records.ts';
import type { AuditTrail } from '../../src/audit/trail.ts';
import { MemoryEngine } from '../../src/kv/memory-engine.ts';
import type { StoreReplace, Token } from '../../src/kv/store.ts';
import { RpcError } from '../../src/protocol/errors.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { AuditRig, changeOf } from '../support/audit-rig.ts';
import { TamperedStore } from '../support/audit-tamperings.ts';

const SEEDS = Number(process.env.SEEDS ?? 3);

const SILENT = { kind: 'silent', error: RpcError.of('timeout', 'no answer from the store') } as const;
const AWAY = { kind: 'unavailable', error: RpcError.of('temporarily-unavailable', 'the store is away') } as const;

/** A store that answers writes as a test says: not at all, although they are carried out, now or later, or never. */
class MoodyEngine extends MemoryEngine {
  mood: 'well' | 'away' | 'done-silently' | 'lost' | 'late' | 'hangs' = 'well';
  replaceCount = 0;
  /** Ends the replacements that hang. */
  goOn = () => {};
  #late: (() => Promise<unknown>)[] = [];

  override async replace(key: string, from: Token | null, text: string): Promise<StoreReplace> {
    this.replaceCount++;
    if (this.mood === 'away') return AWAY;
    if (this.mood === 'lost') return SILENT;
    if (this.mood === 'hangs') await new Promise<void>((resolve) => (this.goOn = resolve));
    if (this.mood === 'late') {
      this.#late.push(() => super.replace(key, from, text));
      return SILENT;
    }
    const result = await super.replace(key, from, text);
    return this.mood === 'done-silently' ? SILENT : result;
  }

  /** What was sent late arrives. */
  async arrive(): Promise<void> {
    for (const send of this.#late.splice(0)) await send();
  }
}

function begin(trail: AuditTrail, number: number): Promise<'ok' | RpcError> {
  return trail.begin(changeOf(number)).then(
    (ticket) => {
      trail.end(ticket, { outcome: 'committed' });
      return 'ok' as const;
    },
    (error: RpcError) => error,
  );
}

const begun = (rig: AuditRig, trail: AuditTrail, number: number) => rig.settled(begin(trail, number));

/** Trace ids of the changes in the audit, with their outcomes. */
async function recorded(rig: AuditRig) {
  const { changes } = await rig.find();
  return changes.map(({ trace, outcome }) => [Number.parseInt(trace, 16), outcome]);
}

describe('a trail', () => {
  it('stores a change before it tells, and its outcome soon after', async () => {
    const rig = new AuditRig();
    const trail = rig.trail();
    const ticket = await rig.settled(trail.begin(changeOf(1)));
    expect(await recorded(rig)).toEqual([[1, null]]);
    trail.end(ticket, { outcome: 'committed' });
    await rig.time.advance(200);
    expect(await recorded(rig)).toEqual([[1, 'committed']]);
  });

  it('writes what comes together in one group, outcomes with it', async () => {
    const engine = new MoodyEngine();
    const rig = new AuditRig(engine);
    const trail = rig.trail();
    await rig.change(trail, 0, 0);
    const before = engine.replaceCount;
    const first = await rig.settled(Promise.all(Array.from({ length: 100 }, (_, n) => trail.begin(changeOf(n + 1)))));
    for (const ticket of first) trail.end(ticket, { outcome: 'committed' });
    await rig.settled(Promise.all(Array.from({ length: 100 }, (_, n) => trail.begin(changeOf(n + 101)))));
    // The first of a hundred goes alone.
    expect(engine.replaceCount - before).toBeLessThanOrEqual(4);
    expect((await rig.verify()).findings).toEqual([]);
  });

  it('refuses a change that cannot be stored, and does not record it later', async () => {
    const engine = new MoodyEngine();
    const rig = new AuditRig(engine);
    const trail = rig.trail();
    await rig.change(trail, 1, 1);
    engine.mood = 'away';
    const refused = await begun(rig, trail, 2);
    expect(refused).toMatchObject({
      code: 11,
      message: expect.stringContaining('it could not be audited, so it was not done'),
    });
    engine.mood = 'well';
    await rig.change(trail, 3, 3);
    expect(await recorded(rig)).toEqual([
      [1, 'committed'],
      [3, 'committed'],
    ]);
    expect((await rig.verify()).findings).toEqual([]);
  });

  it('says of a refused change that is there all the same that it was not carried out', async () => {
    const engine = new MoodyEngine();
    const rig = new AuditRig(engine);
    const trail = rig.trail();
    await rig.change(trail, 1, 1);
    engine.mood = 'late';
    expect(await begun(rig, trail, 2)).toMatchObject({ code: 11 });
    engine.mood = 'well';
    await engine.arrive();
    await rig.change(trail, 3, 3);
    expect(await recorded(rig)).toEqual([
      [1, 'committed'],
      [2, 'not_carried_out'],
      [3, 'committed'],
    ]);
    expect((await rig.verify()).findings).toEqual([]);
  });

  it('keeps the outcomes that it could not store', async () => {
    const engine = new MoodyEngine();
    const rig = new AuditRig(engine);
    const trail = rig.trail();
    const ticket = await rig.settled(trail.begin(changeOf(1)));
    engine.mood = 'away';
    trail.end(ticket, { outcome: 'committed' });
    await rig.time.advance(10_000);
    expect(trail.figures()).toMatchObject({ 'outcomes-waiting': 1 });
    engine.mood = 'well';
    await rig.time.advance(10_000);
    expect(await recorded(rig)).toEqual([[1, 'committed']]);
    expect(trail.figures()).toMatchObject({ 'outcomes-waiting': 0 });
  });

  it('begins a new chain when another hand has changed the page, and leaves the old one as it is', async () => {
    const rig = new AuditRig();
    const trail = rig.trail();
    await rig.change(trail, 1, 3);
    const store = await TamperedStore.open(rig.engine);
    await store.lines(pageKey(store.chains[0] as string, 0), (lines) => lines.slice(0, -1));
    expect(await begun(rig, trail, 4)).toMatchObject({ code: 11 });
    expect(rig.logged).toEqual([[expect.stringContaining('the audit was changed by another hand'), expect.anything()]]);
    await rig.change(trail, 5, 6);
    const { chains, findings } = await rig.verify();
    expect(chains.length).toBe(2);
    expect(findings.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['cut off']));
    expect((await recorded(rig)).slice(-2)).toEqual([
      [5, 'committed'],
      [6, 'committed'],
    ]);
  });

  it('takes nothing after its end', async () => {
    const rig = new AuditRig();
    const trail = rig.trail();
    const ticket = await rig.settled(trail.begin(changeOf(1)));
    await rig.settled(trail.close());
    await expect(trail.begin(changeOf(2))).rejects.toThrow('the instance is ending');
    trail.end(ticket, { outcome: 'committed' });
    await rig.time.advance(1000);
    expect(await recorded(rig)).toEqual([[1, null]]);
    expect((await rig.verify()).findings).toEqual([]);
  });

  it('writes at its end all outcomes, of more than one group too, and that it has ended', async () => {
    const engine = new MoodyEngine();
    const rig = new AuditRig(engine);
    const trail = rig.trail();
    const tickets = await rig.settled(Promise.all(Array.from({ length: 300 }, (_, n) => trail.begin(changeOf(n)))));
    engine.mood = 'hangs';
    const last = begin(trail, 300);
    await rig.time.advance(10);
    for (const ticket of tickets) trail.end(ticket, { outcome: 'committed' });
    const closed = trail.close();
    engine.mood = 'well';
    engine.goOn();
    await rig.settled(closed);
    expect(await last).toBe('ok');
    expect(await recorded(rig)).toEqual(Array.from({ length: 301 }, (_, n) => [n, 'committed']));
    const store = await TamperedStore.open(engine);
    expect(await store.read(headKey(store.chains[0] as string))).toMatchObject({ ended: true, reached: { n: 603 } });
    expect((await rig.verify()).findings).toEqual([]);
  });

  it('goes on at its end after a failure before it', async () => {
    const engine = new MoodyEngine();
    const rig = new AuditRig(engine);
    const trail = rig.trail();
    const ticket = await rig.settled(trail.begin(changeOf(1)));
    engine.mood = 'away';
    trail.end(ticket, { outcome: 'committed' });
    while (trail.figures().failures === 0) await rig.time.advance(100);
    engine.mood = 'well';
    await rig.settled(trail.close());
    expect(await recorded(rig)).toEqual([[1, 'committed']]);
  });

  it.each(['away', 'lost'] as const)('ends where the store is %s, and does not say that it has', async (mood) => {
    const engine = new MoodyEngine();
    const rig = new AuditRig(engine);
    const trail = rig.trail();
    const ticket = await rig.settled(trail.begin(changeOf(1)));
    trail.end(ticket, { outcome: 'committed' });
    engine.mood = mood;
    let isClosed = false;
    void trail.close().then(() => {
      isClosed = true;
    });
    for (let count = 0; count < 300 && !isClosed; count++) await rig.time.advance(100);
    expect(isClosed).toBe(true);
    const store = await TamperedStore.open(engine);
    expect(await store.read(headKey(store.chains[0] as string))).toMatchObject({ ended: false });
  });
});

describe('instances on one store', () => {
  it('have a chain each, of which each names the one before', async () => {
    const rig = new AuditRig();
    const trails = [rig.trail(), rig.trail(), rig.trail(), rig.trail()];
    await rig.settled(Promise.all(trails.map((trail, index) => begin(trail, index))));
    for (const [index, trail] of trails.entries()) await rig.change(trail, 10 * index + 10, 10 * index + 15);
    const { chains, findings } = await rig.verify();
    expect(findings).toEqual([]);
    const used = chains.filter(({ n }) => n > 1);
    expect(used.length).toBe(4);
    const store = await TamperedStore.open(rig.engine);
    const names: string[] = [];
    let name: string | undefined = (await store.read(LATEST_KEY)).chain;
    while (name !== undefined) {
      names.push(name);
      name = (await store.read(headKey(name))).after?.chain;
    }
    expect(names.sort()).toEqual(used.map(({ chain }) => chain));
  });

  it('lose no change that was told, with a store that fails in any way', { timeout: 600_000 }, async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = new SeededRandom(seed);
      const engine = new MoodyEngine();
      const rig = new AuditRig(engine);
      const told = new Set<number>();
      const settled = new Set<number>();
      let number = 0;
      for (let life = 0; life < 3; life++) {
        const trail = rig.trail();
        const begunBefore = number;
        for (let step = 0; step < 12; step++) {
          engine.mood = random.pick(['well', 'well', 'away', 'done-silently', 'lost', 'late']);
          if (random.integer(3) === 0) await engine.arrive();
          const numbers = Array.from({ length: 1 + random.integer(30) }, () => number++);
          const ended = await rig.settled(Promise.all(numbers.map((one) => begin(trail, one))));
          for (const [index, end] of ended.entries()) if (end === 'ok') told.add(numbers[index] as number);
        }
        engine.mood = 'well';
        await engine.arrive();
        // A life in two is killed.
        if (random.integer(2) === 0) continue;
        await rig.settled(trail.close());
        for (const one of told) if (one >= begunBefore) settled.add(one);
      }
      const { chains, findings } = await rig.verify();
      expect(findings, `seed ${seed}`).toEqual([]);
      expect(chains.length, `seed ${seed}`).toBeGreaterThan(0);
      const entries = await recorded(rig);
      const count = new Map<number, number>();
      for (const [n] of entries) count.set(n as number, (count.get(n as number) ?? 0) + 1);
      for (const one of told) expect(count.get(one), `seed ${seed}, change ${one}`).toBe(1);
      const told_ = entries.filter(([n]) => told.has(n as number));
      // Those of a life that was killed may lack an outcome.
      expect(
        told_.every(([n, outcome]) => outcome === 'committed' || (outcome === null && !settled.has(n as number))),
        `seed ${seed}`,
      ).toBe(true);
      const refused = entries.filter(([n]) => !told.has(n as number));
      expect(
        refused.every(([, outcome]) => outcome === 'not_carried_out' || outcome === null),
        `seed ${seed}`,
      ).toBe(true);
    }
  });
});
