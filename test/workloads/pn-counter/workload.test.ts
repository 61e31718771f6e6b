/** The tests of g-counter and pn-counter: what they ask, how answers end an operation, and the final reads. */

import { describe, expect, it } from 'vitest';
import { gCounter, pnCounter } from '../../../src/workloads/pn-counter/workload.ts';
import {
  configured,
  draw,
  finalOnes,
  outcomes,
  perform,
  REFUSAL,
  runAll,
  shares,
} from '../../support/operation-run.ts';
import type { Script } from '../../support/scripted-bed.ts';

const ADD = { f: 'add', value: -5 };
const READ = { f: 'read', value: null };

/** Nodes that share a sum. @param shown what the read of this number shows of it */
function sharing(shown: (sum: number, read: number) => unknown = (sum) => sum): Script {
  let sum = 0;
  let reads = 0;
  return (message, node) => {
    if (message.body.type === 'add') sum += message.body.delta;
    const isRead = message.body.type === 'read';
    node.reply(message, isRead ? { type: 'read_ok', value: shown(sum, reads++) } : { type: 'add_ok' });
  };
}

describe.each([
  ['g-counter', gCounter.test],
  ['pn-counter', pnCounter.test],
])('%s', (_, test) => {
  it('adds a delta', async () => {
    const { asked, begin, end } = await perform(test, ADD, [{}]);
    expect(asked).toEqual([{ type: 'add', delta: -5 }]);
    expect([begin, end]).toEqual([
      { type: 'invoke', ...ADD },
      { type: 'ok', ...ADD },
    ]);
  });

  it('reads the value', async () => {
    const { asked, end } = await perform(test, READ, [{ value: -12 }]);
    expect(asked).toEqual([{ type: 'read' }]);
    expect(end).toEqual({ type: 'ok', f: 'read', value: -12 });
  });

  it.each([[{ value: 3.5 }], [{ value: '3' }], [{ value: null }], [{}]])('takes %j for malformed', async (reply) => {
    const { end } = await perform(test, READ, [reply]);
    expect(end).toMatchObject({ type: 'info', error: ['malformed-reply', expect.stringContaining('value: ')] });
  });

  it('ends every operation with an error as unknown, also a definite one, as Maelstrom does', async () => {
    const unknown = 'info, client replaced';
    const expected = {
      right: 'ok, client kept',
      ...{ definite: unknown, indefinite: unknown, silence: unknown, malformed: unknown },
    };
    expect(await outcomes(test, ADD, {})).toEqual(expected);
    expect(await outcomes(test, READ, { value: 1 })).toEqual(expected);
    const { end } = await perform(test, ADD, [REFUSAL]);
    expect(end).toEqual({ type: 'info', ...ADD, error: ['temporarily-unavailable', 'later'] });
    expect((await perform(test, READ, [])).tookMs).toBe(5000);
  });

  it('ends with 10 s of calm, then one read by each worker, marked as final and not retried', async () => {
    const { history, results } = await runAll(sharing(), { test, concurrency: 5, timeLimitMs: 2000 }).finish();
    const asked = finalOnes(history).filter(({ type }) => type === 'invoke');
    expect(asked.map(({ process, f }) => [process, f])).toEqual([0, 1, 2, 3, 4].map((process) => [process, 'read']));
    for (const { time } of asked) expect(time / 1e9).toBeCloseTo(12, 1);
    expect(results['valid?']).toBe(true);
    const refusing: Script = (message, node) => node.reply(message, REFUSAL);
    const refused = await runAll(refusing, { test, concurrency: 2, timeLimitMs: 500 }).finish();
    expect(finalOnes(refused.history).map(({ type }) => type)).toEqual(['invoke', 'invoke', 'info', 'info']);
  });

  it('counts what is added where a node has no worker, when it is asked whether it serves again', async () => {
    for (let seed = 0; seed < 6; seed++) {
      const load = { test, concurrency: 1, timeLimitMs: 2000, seed: `guest ${seed}` };
      const { results } = await runAll(sharing(), { ...load, faults: ['partition'] }).finish();
      expect(results['valid?']).toBe(true);
    }
  });

  it('is invalid where a final read is wrong, and with --strict where any read is beyond all adds', async () => {
    const verdict = async (script: Script, strict: boolean) => {
      const { results } = await runAll(script, { test, timeLimitMs: 3000, ...(strict && { strict }) }).finish();
      return results['valid?'];
    };
    expect(
      await verdict(
        sharing((sum) => sum + 1),
        false,
      ),
    ).toBe(false);
    const wrongOnce = () => sharing((sum, read) => (read === 0 ? 1_000_000 : sum));
    expect(await verdict(wrongOnce(), false)).toBe(true);
    expect(await verdict(wrongOnce(), true)).toBe(false);
    expect(await verdict(sharing(), true)).toBe(true);
  });
});

describe('the operations drawn', () => {
  const COUNT = 30_000;
  const evenly = (from: number) =>
    Object.fromEntries(Array.from({ length: 5 - from }, (_, n) => [n + from, expect.closeTo(1 / (5 - from), 1.5)]));

  it('are half adds of −5 to 4 in pn-counter', () => {
    const drawn = draw(configured(pnCounter.test), COUNT);
    const mix = { add: expect.closeTo(1 / 2, 1.5), read: expect.closeTo(1 / 2, 1.5) };
    expect(shares(drawn.map(({ f }) => f))).toEqual(mix);
    expect(shares(drawn.filter(({ f }) => f === 'add').map(({ value }) => value))).toEqual(evenly(-5));
  });

  it('are a third adds of 0 to 4 in g-counter', () => {
    const drawn = draw(configured(gCounter.test), COUNT);
    const mix = { add: expect.closeTo(1 / 3, 1.5), read: expect.closeTo(2 / 3, 1.5) };
    expect(shares(drawn.map(({ f }) => f))).toEqual(mix);
    expect(shares(drawn.filter(({ f }) => f === 'add').map(({ value }) => value))).toEqual(evenly(0));
  });
});
