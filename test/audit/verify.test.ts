/** Every way to tamper with an audit is found, and told by its name. */

import { describe, expect, it } from 'vitest';
import { headKey, LATEST_KEY, pageKey } from '../../src/audit/records.ts';
import { plainChainHash } from '../../src/host/audit-hash.ts';
import { MemoryEngine } from '../../src/kv/memory-engine.ts';
import { AuditRig, changeOf } from '../support/audit-rig.ts';
import { TAMPERINGS, TamperedStore } from '../support/audit-tamperings.ts';

/** Three chains as the tamperings need them. */
async function audited(rig = new AuditRig()): Promise<AuditRig> {
  const keep = async (key: string, kept: string) => {
    const store = await TamperedStore.open(rig.engine);
    await store.write(kept, await store.read(key));
  };
  const one = rig.trail();
  await rig.change(one, 1, 70);
  await rig.settled(one.close());
  await keep(LATEST_KEY, 'earlier-latest');
  await rig.change(rig.trail(), 71, 80);
  const three = rig.trail();
  await rig.change(three, 81, 83);
  const newest = (await TamperedStore.open(rig.engine)).chains.at(-1) as string;
  await keep(headKey(newest), 'earlier-head');
  await keep(pageKey(newest, 0), 'earlier-page');
  await rig.change(three, 84, 90);
  await rig.settled(three.close());
  return rig;
}

/** It is written once. */
const WRITTEN = await audited();
describe('an audit', () => {
  it('is what was written', async () => {
    const rig = await WRITTEN.copy();
    const { chains, findings } = await rig.verify();
    expect(findings).toEqual([]);
    expect(chains.map(({ n }) => n)).toEqual([141, 21, 21]);
    expect((await rig.verify(chains)).findings).toEqual([]);
  });

  it.each(TAMPERINGS)('$name', async ({ found, needsAnchors, tamper }) => {
    const rig = await WRITTEN.copy();
    const { chains } = await rig.verify();
    await tamper(await TamperedStore.open(rig.engine));
    const { findings } = await rig.verify();
    if (needsAnchors) expect(findings).toEqual([]);
    else expect(findings.map(({ kind }) => kind)).toEqual(expect.arrayContaining([expect.toBeOneOf([...found])]));
    const anchored = await rig.verify(chains);
    expect(anchored.findings.map(({ kind }) => kind)).toEqual(expect.arrayContaining([expect.toBeOneOf([...found])]));
  });

  it('is not verified with another key, or none', async () => {
    const { engine } = await WRITTEN.copy();
    const other = new AuditRig(engine, plainChainHash);
    await expect(other.verify()).rejects.toThrow('this is not the key with which the audit in this store is written');
  });

  it('without a key hides a change from a verification only if all that follows is made anew', async () => {
    const rig = await audited(new AuditRig(new MemoryEngine(), plainChainHash));
    expect((await rig.verify()).findings).toEqual([]);
    const store = await TamperedStore.open(rig.engine);
    await store.lines(pageKey(store.chains[0] as string, 0), (lines) => {
      const text = (lines[5] as string).slice(44).replace('"n":6', '"n":6,"more":1');
      lines[5] = `${plainChainHash((lines[4] as string).slice(0, 43), text)} ${text}`;
      return lines;
    });
    const { findings } = await rig.verify();
    expect(findings).toEqual([
      expect.objectContaining({ kind: 'changed', text: 'entry 7 on page 0 is not what was written after entry 6' }),
    ]);
  });

  it('names the entry', async () => {
    const rig = await WRITTEN.copy();
    const store = await TamperedStore.open(rig.engine);
    const [chain = ''] = store.chains;
    await store.lines(pageKey(chain, 0), (lines) => lines.filter((_, index) => index !== 5));
    expect((await rig.verify()).findings).toEqual([{ kind: 'removed', chain, text: 'entry 6 is gone' }]);
  });

  it('may be verified while it is written', async () => {
    const rig = await WRITTEN.copy();
    const trail = rig.trail();
    const changes = Array.from({ length: 20 }, (_, index) => trail.begin(changeOf(index)));
    const verified = await rig.verify();
    await rig.settled(Promise.all(changes));
    expect(verified.findings).toEqual([]);
  });
});
