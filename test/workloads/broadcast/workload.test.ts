/** The test of broadcast: what it asks, how answers end an operation, the topology, and the final reads. */

import { describe, expect, it } from 'vitest';
import { broadcast } from '../../../src/workloads/broadcast/workload.ts';
import { parseTopology, TOPOLOGIES } from '../../../src/workloads/topologies.ts';
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
import { answering, type Script } from '../../support/scripted-bed.ts';
import { ScriptedRun } from '../../support/scripted-run.ts';

const { test } = broadcast;
const BROADCAST = { f: 'broadcast', value: 7 };
const READ = { f: 'read', value: null };

/** Nodes that share what they know. @param shown what a read shows of it */
function sharing(shown: (known: readonly unknown[]) => unknown = (known) => known): Script {
  const known: unknown[] = [];
  return (message, node) => {
    if (message.body.type === 'broadcast') known.push(message.body.message);
    node.reply(
      message,
      message.body.type === 'read' ? { type: 'read_ok', messages: shown(known) } : { type: 'broadcast_ok' },
    );
  };
}

describe('a broadcast', () => {
  it('gives the value as the message', async () => {
    const { asked, begin, end, tookMs } = await perform(test, BROADCAST, [{}]);
    expect(asked).toEqual([{ type: 'broadcast', message: 7 }]);
    expect([begin, end]).toEqual([
      { type: 'invoke', ...BROADCAST },
      { type: 'ok', ...BROADCAST },
    ]);
    expect(tookMs).toBeLessThan(10);
  });

  it('is of unknown outcome after an indefinite error, no answer, or one that is not as declared', async () => {
    expect(await outcomes(test, BROADCAST, {})).toEqual({
      right: 'ok, client kept',
      definite: 'fail, client kept',
      indefinite: 'info, client replaced',
      silence: 'info, client replaced',
      malformed: 'info, client replaced',
    });
  });

  it('has the error in the history', async () => {
    const end = async (...replies: Fields[]) => (await perform(test, BROADCAST, replies)).end;
    expect(await end(REFUSAL)).toEqual({ type: 'fail', ...BROADCAST, error: ['temporarily-unavailable', 'later'] });
    expect(await end(CRASH)).toEqual({ type: 'info', ...BROADCAST, error: ['crash', 'oops'] });
    expect(await end()).toEqual({ type: 'info', ...BROADCAST, error: 'net-timeout' });
    const malformed = ['malformed-reply', 'more: a field that broadcast_ok does not have'];
    expect(await end({ more: 1 })).toEqual({ type: 'info', ...BROADCAST, error: malformed });
  });

  it('waits 5 s', async () => {
    expect((await perform(test, BROADCAST, [])).tookMs).toBe(5000);
  });
});

describe('a read', () => {
  it('has the messages as its value', async () => {
    const { asked, begin, end } = await perform(test, READ, [{ messages: [3, 'x', null, 3] }]);
    expect(asked).toEqual([{ type: 'read' }]);
    expect([begin, end]).toEqual([
      { type: 'invoke', ...READ },
      { type: 'ok', f: 'read', value: [3, 'x', null, 3] },
    ]);
    expect((await perform(test, READ, [{ messages: null }])).end).toMatchObject({ type: 'ok', value: null });
  });

  it('fails after any error, and after no answer', async () => {
    expect(await outcomes(test, READ, { messages: [] })).toEqual({
      right: 'ok, client kept',
      definite: 'fail, client kept',
      indefinite: 'fail, client kept',
      silence: 'fail, client kept',
      malformed: 'info, client replaced',
    });
  });

  it.each([
    ['messages: is missing', {}],
    ['messages: expected array, received object', { messages: {} }],
  ])('without a list is malformed: %s', async (problem, reply) => {
    const { end } = await perform(test, READ, [reply]);
    expect(end).toMatchObject({ type: 'info', error: ['malformed-reply', expect.stringContaining(problem)] });
  });
});

describe('the operations drawn', () => {
  it('are broadcasts and reads, half and half', () => {
    const mix = shares(draw(configured(test), 10_000).map(({ f }) => f));
    expect(mix).toEqual({ broadcast: expect.closeTo(1 / 2, 1.5), read: expect.closeTo(1 / 2, 1.5) });
  });

  it('give 0, 1, 2, …, each once, also those of probes', () => {
    const once = configured(test);
    const values = [...draw(once, 1000), ...draw(once, 1000)].filter(({ f }) => f === 'broadcast');
    expect(values.map(({ value }) => value)).toEqual(values.map((_, index) => index));
    expect(draw(configured(test), 100).find(({ f }) => f === 'broadcast')?.value).toBe(0);
  });
});

describe('the topology', () => {
  it.each([...Object.keys(TOPOLOGIES), undefined])('%s reaches each node before the first operation', async (name) => {
    const nodes = ['n1', 'n2', 'n3', 'n4', 'n5'];
    const workloadOptions = name === undefined ? {} : { topology: name };
    const run = runAll(sharing(), { test, nodes, concurrency: 10, timeLimitMs: 1000, workloadOptions });
    const { results } = await run.finish();
    expect(results['valid?']).toBe(true);
    const topology = parseTopology(name ?? 'grid')(nodes);
    const sent = run.events.filter(({ event, message: { src } }) => event === 'send' && src.startsWith('c'));
    const told = sent.filter(({ message: { body } }) => body.type === 'topology');
    expect(told.map(({ message: { dest } }) => dest)).toEqual(nodes);
    for (const { message } of told) expect(message.body).toMatchObject({ type: 'topology', topology });
    const types = sent.map(({ message: { body } }) => body.type).filter((type) => type !== 'init');
    expect(types.slice(0, 5)).toEqual(nodes.map(() => 'topology'));
    expect(types.slice(5)).not.toContain('topology');
    // Each from a client of its own, which asks nothing else.
    const clients = told.map(({ message: { src } }) => src);
    expect(sent.filter(({ message: { src, body } }) => clients.includes(src) && body.type !== 'init')).toHaveLength(5);
  });

  it('that a node does not take ends the run', async () => {
    const run = new ScriptedRun({ test, scriptOf: () => answering({}) });
    const { history, results } = await run.finish();
    expect([history.length, results['valid?']]).toEqual([0, false]);
    expect(results.protocol?.violations).toMatchObject([{ rule: 'setup' }, { rule: 'setup' }, { rule: 'setup' }]);
  });
});

describe('the end', () => {
  it('is 10 s of calm, then one read by each worker, marked as final', async () => {
    const run = runAll(sharing(), { test, concurrency: 7, timeLimitMs: 2000 });
    const { history } = await run.finish();
    const finals = finalOnes(history);
    const asked = finals.filter(({ type }) => type === 'invoke');
    expect(asked.map(({ process, f, value }) => ({ process, f, value }))).toEqual(
      Array.from({ length: 7 }, (_, process) => ({ process, ...READ })),
    );
    expect(finals.filter(({ type }) => type === 'ok')).toHaveLength(7);
    const before = [...history].filter((operation) => operation['final?'] === undefined);
    const lastMs = Math.max(...before.map(({ time }) => time / 1e6));
    expect(lastMs).toBeLessThanOrEqual(2000);
    expect(asked.map(({ time }) => time / 1e6 >= 12_000 && time / 1e6 < 12_100)).toEqual(asked.map(() => true));
    expect(history.at(history.length - 1)['final?']).toBe(true);
  });

  it('has no second read where one fails', async () => {
    const refusing: Script = (message, node) => node.reply(message, REFUSAL);
    const { history, results } = await runAll(refusing, { test, timeLimitMs: 1000 }).finish();
    expect(finalOnes(history).map(({ type }) => type)).toEqual([...Array(3).fill('invoke'), ...Array(3).fill('fail')]);
    expect(results.recovery).toBeUndefined();
  });
});

describe('the verdict', () => {
  const verdict = async (script: Script, strict: boolean) => {
    const { results } = await runAll(script, { test, timeLimitMs: 3000, ...(strict && { strict }) }).finish();
    return results['valid?'];
  };

  it('is valid for nodes that share all they are told', async () => {
    expect(await verdict(sharing(), true)).toBe(true);
  });

  it('is invalid where values are lost', async () => {
    expect(
      await verdict(
        sharing((known) => known.slice(2)),
        false,
      ),
    ).toBe(false);
  });

  it('with --strict is invalid where reads show a value twice, too', async () => {
    const twice = (known: readonly unknown[]) => [...known, ...known.slice(0, 1)];
    expect(await verdict(sharing(twice), false)).toBe(true);
    expect(await verdict(sharing(twice), true)).toBe(false);
  });
});
