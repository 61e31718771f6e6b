/** A healthy audit is verified while it is written: between any two steps of the verification much may happen. */

import { describe, expect, it } from 'vitest';
import { AuditTrail } from '../../src/audit/trail.ts';
import { verifyAudit } from '../../src/audit/verify.ts';
import type { StoreList, StoreRead } from '../../src/kv/store.ts';
import { AuditRig, changeOf } from '../support/audit-rig.ts';

/** More than a page. */
const CHANGES = 60;
/** So a verification that follows all that is written would have an end too, but a late one. */
const STEPS_MAX = 60;

/** The store of a rig, and what happens before each step. */
class SteppedStore {
  readonly #rig: AuditRig;
  readonly #happens: (step: number) => Promise<unknown>;
  readonly #keysListed: number;
  steps = 0;

  constructor(rig: AuditRig, happens: (step: number) => Promise<unknown>, keysListed = Number.POSITIVE_INFINITY) {
    this.#rig = rig;
    this.#happens = happens;
    this.#keysListed = keysListed;
  }

  async read(key: string): Promise<StoreRead> {
    await this.#step();
    return this.#rig.engine.read(key);
  }

  async list(prefix: string, after: string | undefined, limit: number): Promise<StoreList> {
    await this.#step();
    return this.#rig.engine.list(prefix, after, Math.min(limit, this.#keysListed));
  }

  async #step(): Promise<void> {
    if (this.steps++ < STEPS_MAX) await this.#rig.settled(this.#happens(this.steps));
  }
}

const turnPage = (trail: AuditTrail) =>
  Promise.all(Array.from({ length: CHANGES }, (_, index) => trail.begin(changeOf(index))));

/** What happens at a step, by what was there before. */
const HAPPENINGS: Readonly<Record<string, (rig: AuditRig, trail: AuditTrail) => (step: number) => Promise<unknown>>> = {
  'turns its page': (_, trail) => () => turnPage(trail),
  'turns its page, and its head follows': (rig, trail) => async () => {
    await turnPage(trail);
    await rig.time.advance(2000);
  },
  'is written slowly': (rig, trail) => async (step) => {
    await trail.begin(changeOf(step));
    await rig.time.advance(500);
  },
  'is followed by one life after the other': (rig) => () => turnPage(rig.trail()),
  'is followed by lives that end': (rig) => async () => {
    const next = rig.trail();
    await next.begin(changeOf(1));
    await rig.time.advance(2000);
    await next.close();
  },
  'is written by two lives in turn': (rig, trail) => {
    const other = rig.trail();
    return (step) => turnPage(step % 2 === 0 ? trail : other);
  },
};

describe.each(Object.entries(HAPPENINGS))('an audit that %s at every step of a verification', (_, happening) => {
  it('is what was written', async () => {
    const rig = new AuditRig();
    const earlier = rig.trail();
    await rig.change(earlier, 1, 60);
    await rig.settled(earlier.close());
    const trail = rig.trail();
    await rig.change(trail, 61, 90);
    const anchors = (await rig.verify()).chains;
    const stepped = new SteppedStore(rig, happening(rig, trail));
    const { chains, findings } = await verifyAudit(stepped, rig.hash, anchors);
    expect(findings).toEqual([]);
    expect(chains.length).toBeGreaterThanOrEqual(2);
    // It does not run after what is written meanwhile.
    expect(stepped.steps).toBeLessThan(STEPS_MAX);
    expect((await rig.verify(chains)).findings).toEqual([]);
  });
});

describe('an audit', () => {
  it('may begin while it is verified', async () => {
    for (let at = 1; at < 8; at++) {
      const rig = new AuditRig();
      const trail = rig.trail();
      const stepped = new SteppedStore(rig, async (step) => step >= at && turnPage(trail));
      expect((await verifyAudit(stepped, rig.hash, [])).findings, `at step ${at}`).toEqual([]);
    }
  });

  it('may have been killed at its very beginning, before it was named', async () => {
    for (let writes = 1; writes <= 3; writes++) {
      const rig = new AuditRig();
      let left = writes;
      const { engine } = rig;
      const killed = new Proxy(engine, {
        get: (target, name) => {
          if (name === 'replace' && left-- <= 0) return () => new Promise(() => {});
          const value = Reflect.get(target, name);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
      void rig.trail(killed).begin(changeOf(1));
      await rig.time.advance(1000);
      expect((await rig.verify()).findings, `after ${writes} writes`).toEqual([]);
    }
  });

  it('may get chains before and after what was listed, by clocks that differ', async () => {
    const rig = new AuditRig();
    await rig.change(rig.trail(), 1, 3);
    const life = (chain: string) =>
      new AuditTrail({ kv: rig.engine, context: rig.context, hash: rig.hash, instance: chain, newChain: () => chain });
    const begin = async (step: number) => {
      if (step !== 3) return;
      await rig.change(life('0-behind'), 4, 6);
      await rig.change(life('z-ahead'), 7, 9);
    };
    const { chains, findings } = await verifyAudit(new SteppedStore(rig, begin, 1), rig.hash, []);
    expect(findings).toEqual([]);
    expect(chains.map(({ chain }) => chain)).toContain('z-ahead');
  });
});
