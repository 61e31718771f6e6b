/** Audits that are wrong in one way each, and the rule that notices it. */

import { describe, expect, it } from 'vitest';
import type { ChainHash } from '../../src/audit/entry.ts';
import { pageKey } from '../../src/audit/records.ts';
import { AuditTrail } from '../../src/audit/trail.ts';
import { keyedChainHash } from '../../src/host/audit-hash.ts';
import { MemoryEngine } from '../../src/kv/memory-engine.ts';
import type { StoreReplace, Token } from '../../src/kv/store.ts';
import { AUDIT_SECRET, AuditRig, changeOf } from '../support/audit-rig.ts';
import { TAMPERINGS, TamperedStore } from '../support/audit-tamperings.ts';

const RIGHT = keyedChainHash(Buffer.from(AUDIT_SECRET));

/** The tamperings that a verification by this hash does not find. */
async function missedBy(hash: ChainHash): Promise<string[]> {
  const missed: string[] = [];
  const written = new AuditRig(new MemoryEngine(), hash);
  const one = written.trail();
  await written.change(one, 1, 70);
  await written.settled(one.close());
  await written.change(written.trail(), 71, 72);
  await written.change(written.trail(), 73, 75);
  for (const { name, tamper } of TAMPERINGS.filter(({ needsAnchors }) => !needsAnchors)) {
    const rig = await written.copy();
    await tamper(await TamperedStore.open(rig.engine));
    if ((await rig.verify()).findings.length === 0) missed.push(name);
  }
  return missed;
}

describe('a hash', () => {
  it('over everything misses nothing', async () => {
    expect(await missedBy(RIGHT)).toEqual([]);
  });

  it('over part of the fields misses what is changed in the others', async () => {
    const partial: ChainHash = (previous, text) => RIGHT(previous, text.replace(/"who":"[^"]*"|"at":\d+/g, ''));
    expect(await missedBy(partial)).toEqual(['another subject', 'another time']);
  });

  it('that does not follow the one before lets entries of another chain in', async () => {
    const unchained: ChainHash = (_, text) => RIGHT('', text);
    expect(await missedBy(unchained)).toContain('an entry of another chain in place of one');
  });
});

describe('a trail', () => {
  it('that tells before it has stored loses what was told', async () => {
    class Hasty extends AuditTrail {
      override begin(change: Parameters<AuditTrail['begin']>[0]) {
        void super.begin(change).catch(() => {});
        return Promise.resolve({ chain: '', n: 1 });
      }
    }
    class Slow extends MemoryEngine {
      override replace(key: string, from: Token | null, text: string): Promise<StoreReplace> {
        return new Promise((resolve) => rig.time.schedule(50, () => resolve(super.replace(key, from, text))));
      }
    }
    const rig: AuditRig = new AuditRig(new Slow());
    for (const Trail of [AuditTrail, Hasty]) {
      const trail = new Trail({
        kv: rig.engine,
        context: rig.context,
        hash: rig.hash,
        instance: 'i',
        newChain: () => `chain-of-${Trail.name.toLowerCase()}`,
      });
      await rig.settled(trail.begin(changeOf(1)));
      // Here it is killed.
      const { changes } = await rig.find({ matches: () => true });
      expect(changes.filter(({ id }) => id.includes(Trail.name.toLowerCase())).length).toBe(Trail === Hasty ? 0 : 1);
    }
  });

  it('that begins its chain anew in every life is found out: the earlier life is gone', async () => {
    const rig = new AuditRig();
    const lives = [1, 2].map(
      () =>
        new AuditTrail({
          kv: rig.engine,
          context: rig.context,
          hash: rig.hash,
          instance: 'i',
          newChain: () => 'one-name',
        }),
    );
    await rig.change(lives[0] as AuditTrail, 1, 5);
    // A name that was there before is taken for a chain that another hand has written.
    await expect(rig.settled((lives[1] as AuditTrail).begin(changeOf(6)))).rejects.toThrow('it could not be audited');
    const store = await TamperedStore.open(rig.engine);
    expect((await store.read(pageKey('one-name', 0))).lines.length).toBe(11);
    expect((await rig.verify()).findings).toEqual([]);
  });
});
