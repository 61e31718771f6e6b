/** Old pages of an audit go, and what is left is still verified. */

import { describe, expect, it } from 'vitest';
import { headKey, pageKey } from '../../src/audit/records.ts';
import { MemoryEngine } from '../../src/kv/memory-engine.ts';
import type { StoreRemoval, Token } from '../../src/kv/store.ts';
import { RpcError } from '../../src/protocol/errors.ts';
import { AuditRig } from '../support/audit-rig.ts';
import { TamperedStore } from '../support/audit-tamperings.ts';

const HOUR_MS = 3_600_000;
const numbersOf = (changes: readonly { readonly trace: string }[]) =>
  changes.map(({ trace }) => Number.parseInt(trace, 16));

describe('retention of an audit', () => {
  it('removes pages that are older than what is kept, and no others', async () => {
    const rig = new AuditRig();
    const trail = rig.trail();
    await rig.change(trail, 1, 100);
    await rig.time.advance(2 * HOUR_MS);
    await rig.change(trail, 101, 150);
    await rig.settled(rig.expiry(HOUR_MS).pass());
    const { chains, findings } = await rig.verify();
    expect(findings).toEqual([]);
    expect(chains[0]).toMatchObject({ n: 301, removed: expect.toSatisfy((n: number) => n > 100) });
    const left = numbersOf((await rig.find()).changes);
    expect(left.slice(-50)).toEqual(Array.from({ length: 50 }, (_, index) => 101 + index));
    expect(left.length).toBeLessThan(75);
  });

  it('removes the page of an idle instance too, and the instance goes on', async () => {
    const rig = new AuditRig();
    const trail = rig.trail();
    await rig.change(trail, 1, 10);
    await rig.time.advance(2 * HOUR_MS);
    await rig.settled(rig.expiry(HOUR_MS).pass());
    const store = await TamperedStore.open(rig.engine);
    expect(await store.pagesOf(store.chains[0] as string)).toEqual([]);
    expect((await rig.verify()).findings).toEqual([]);
    await rig.change(trail, 11, 12);
    expect(rig.logged).toEqual([]);
    const { chains, findings } = await rig.verify();
    expect(findings).toEqual([]);
    expect(chains).toEqual([expect.objectContaining({ n: 25, removed: 21 })]);
    expect(numbersOf((await rig.find()).changes)).toEqual([11, 12]);
  });

  it('is found where it was not retention: the head is signed', async () => {
    const rig = new AuditRig();
    await rig.change(rig.trail(), 1, 100);
    const store = await TamperedStore.open(rig.engine);
    const [chain = ''] = store.chains;
    const head = await store.read(headKey(chain));
    await store.write(headKey(chain), { ...head, start: { page: 1, n: 25, hash: head.reached.hash } });
    await store.remove(pageKey(chain, 0));
    expect((await rig.verify()).findings.map(({ kind }) => kind)).toContain('forged');
    // It removes nothing by a head that another hand has written.
    await rig.time.advance(2 * HOUR_MS);
    await rig.settled(rig.expiry(HOUR_MS).pass());
    expect((await store.pagesOf(chain)).length).toBeGreaterThan(1);
  });

  it('may be stopped between its two steps, and several may work at a time', async () => {
    class StoppedEngine extends MemoryEngine {
      removals = 0;
      override async remove(key: string, from: Token): Promise<StoreRemoval> {
        if (this.removals++ === 1) return { kind: 'silent', error: RpcError.of('timeout', 'no answer') };
        return super.remove(key, from);
      }
    }
    const rig = new AuditRig(new StoppedEngine());
    const trail = rig.trail();
    await rig.change(trail, 1, 200);
    await rig.time.advance(2 * HOUR_MS);
    await rig.settled(rig.expiry(HOUR_MS).pass());
    expect((await rig.verify()).findings).toEqual([]);
    await rig.change(trail, 201, 201);
    await rig.settled(
      Promise.all([rig.expiry(HOUR_MS).pass(), rig.expiry(HOUR_MS).pass(), rig.expiry(HOUR_MS).pass()]),
    );
    await rig.change(trail, 202, 203);
    expect((await rig.verify()).findings).toEqual([]);
    const store = await TamperedStore.open(rig.engine);
    expect((await store.pagesOf(store.chains[0] as string)).length).toBe(1);
    expect(numbersOf((await rig.find()).changes).slice(-3)).toEqual([201, 202, 203]);
  });

  it('keeps what later chains have seen', async () => {
    const rig = new AuditRig();
    await rig.change(rig.trail(), 1, 10);
    await rig.time.advance(2 * HOUR_MS);
    const anchors = (await rig.verify()).chains;
    await rig.change(rig.trail(), 11, 20);
    await rig.settled(rig.expiry(HOUR_MS).pass());
    expect((await rig.verify(anchors)).findings).toEqual([]);
    const store = await TamperedStore.open(rig.engine);
    await store.removeChain(store.chains[0] as string);
    expect((await rig.verify()).findings.map(({ kind }) => kind)).toContain('removed');
  });
});
