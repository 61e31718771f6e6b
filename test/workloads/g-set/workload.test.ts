/** The test of g-set: what it asks, how answers end an operation, and the final reads. */

import { describe, expect, it } from 'vitest';
import { gSet } from '../../../src/workloads/g-set/workload.ts';
import {
  CRASH,
  configured,
  draw,
  type Fields,
  finalOnes,
  outcomes,
  perform,
  REFUSAL,
  runAll,
  shares,
} from '../../support/operation-run.ts';
import type { Script } from '../../support/scripted-bed.ts';

const { test } = gSet;
const ADD = { f: 'add', value: 7 };
const READ = { f: 'read', value: null };

/** Every error but a silent success: Maelstrom's client tells none apart. */
const INDEFINITE = {
  right: 'ok, client kept',
  definite: 'info, client replaced',
  indefinite: 'info, client replaced',
  silence: 'info, client replaced',
  malformed: 'info, client replaced',
};

/** Nodes that share a set. @param shown what a read shows of it */
function sharing(shown: (elements: readonly unknown[]) => unknown = (elements) => elements): Script {
  const elements: unknown[] = [];
  return (message, node) => {
    if (message.body.type === 'add') elements.push(message.body.element);
    node.reply(
      message,
      message.body.type === 'read' ? { type: 'read_ok', value: shown(elements) } : { type: 'add_ok' },
    );
  };
}

describe('an add', () => {
  it('sends the element', async () => {
    const { asked, begin, end } = await perform(test, ADD, [{}]);
    expect(asked).toEqual([{ type: 'add', element: 7 }]);
    expect([begin, end]).toEqual([
      { type: 'invoke', ...ADD },
      { type: 'ok', ...ADD },
    ]);
  });

  it('is of unknown outcome after any error, also a definite one, as in Maelstrom', async () => {
    expect(await outcomes(test, ADD, {})).toEqual(INDEFINITE);
  });

  it('has the error in the history, and waits 5 s', async () => {
    const end = async (...replies: Fields[]) => (await perform(test, ADD, replies)).end;
    expect(await end(REFUSAL)).toEqual({ type: 'info', ...ADD, error: ['temporarily-unavailable', 'later'] });
    expect(await end(CRASH)).toEqual({ type: 'info', ...ADD, error: ['crash', 'oops'] });
    expect(await end()).toEqual({ type: 'info', ...ADD, error: 'net-timeout' });
    expect((await perform(test, ADD, [])).tookMs).toBe(5000);
  });
});

describe('a read', () => {
  it('has the list in `value`', async () => {
    const { asked, end } = await perform(test, READ, [{ value: [3, 'x', 3] }]);
    expect(asked).toEqual([{ type: 'read' }]);
    expect(end).toEqual({ type: 'ok', f: 'read', value: [3, 'x', 3] });
    const { end: wrong } = await perform(test, READ, [{ messages: [3] }]);
    expect(wrong).toEqual({ type: 'info', ...READ, error: ['malformed-reply', 'value: is missing'] });
  });

  it('is of unknown outcome after any error, too', async () => {
    expect(await outcomes(test, READ, { value: [] })).toEqual(INDEFINITE);
  });
});

describe('the operations drawn', () => {
  it('are adds of 0, 1, 2, … and reads, half and half', () => {
    const once = configured(test);
    const drawn = [...draw(once, 9000), ...draw(once, 1000)];
    const mix = shares(drawn.map(({ f }) => f));
    expect(mix).toEqual({ add: expect.closeTo(1 / 2, 1.5), read: expect.closeTo(1 / 2, 1.5) });
    const added = drawn.filter(({ f }) => f === 'add').map(({ value }) => value);
    expect(added).toEqual(added.map((_, index) => index));
  });
});

describe('the end', () => {
  it('is 10 s of calm, then one read by each worker', async () => {
    const run = runAll(sharing(), { test, concurrency: 5, timeLimitMs: 2000 });
    const { history, results } = await run.finish();
    const asked = finalOnes(history).filter(({ type }) => type === 'invoke');
    expect(asked.map(({ process, f }) => [process, f])).toEqual([0, 1, 2, 3, 4].map((process) => [process, 'read']));
    for (const { time } of asked) expect(time / 1e9).toBeCloseTo(12, 1);
    expect(results['valid?']).toBe(true);
  });

  it('has no second read where one is not answered', async () => {
    const silent: Script = () => {};
    const { history } = await runAll(silent, { test, concurrency: 3, timeLimitMs: 1000 }).finish();
    expect(finalOnes(history).map(({ type }) => type)).toEqual([...Array(3).fill('invoke'), ...Array(3).fill('info')]);
  });
});

describe('the verdict', () => {
  const verdict = async (script: Script, strict: boolean) => {
    const { results } = await runAll(script, { test, timeLimitMs: 3000, ...(strict && { strict }) }).finish();
    return results['valid?'];
  };

  it('is invalid where elements are lost, and with --strict where reads show what was never added', async () => {
    const losing = sharing((elements) => elements.slice(2));
    const inventing = (): Script => sharing((elements) => [...elements, 'phantom']);
    expect(await verdict(sharing(), true)).toBe(true);
    expect(await verdict(losing, false)).toBe(false);
    expect(await verdict(inventing(), false)).toBe(true);
    expect(await verdict(inventing(), true)).toBe(false);
  });
});
