/** Every violation of the protocol, in the words that a user reads. */

import { describe, expect, it } from 'vitest';
import type { CheckResult } from '../../src/checkers/checker.ts';
import { operationPairs } from '../../src/checkers/pairs.ts';
import type { HeldOutput } from '../../src/harness/bed.ts';
import { echo } from '../../src/workloads/echo/workload.ts';
import { uniqueIds } from '../../src/workloads/unique-ids/workload.ts';
import { withoutEvidence } from '../support/histories.ts';
import { answering, answersInit, echoesAfter, generatesAfter, type Script } from '../support/scripted-bed.ts';
import { rightNode, ScriptedRun, withoutTime } from '../support/scripted-run.ts';

const CLEAN = { 'valid?': true, count: 0, violations: [] };
const silence: Script = () => {};

/** A script for n0 alone; the other nodes are right. */
function onlyN0(script: Script): (nodeId: string) => Script {
  return (nodeId) => (nodeId === 'n0' ? script : rightNode());
}

/** Prints an extra line beside its right answer to the first echo. */
function printsOnce(print: (node: Parameters<Script>[1]) => void): Script {
  let printed = false;
  return answering({
    echo: (message, node) => {
      if (!printed) print(node);
      printed = true;
      echoesAfter(1)(message, node);
    },
  });
}

function violation(rule: string, text: string, line?: string) {
  return { time: expect.any(Number), node: 'n0', rule, text, ...(line === undefined ? {} : { line }) };
}

function only(...violations: object[]): CheckResult {
  return { 'valid?': false, count: violations.length, violations };
}

const SILENT =
  'n0 did not answer init within 10 s (--init-timeout allows more), nor did it print any message: does it flush its stdout?';

describe('a node that does not start', () => {
  it('is waited for 10 s when it does not answer init', async () => {
    const run = new ScriptedRun({ test: echo.test, scriptOf: onlyN0(answering({ init: silence })) });
    const { history, results } = await run.finish();
    expect(run.endedMs).toBe(10_000);
    expect(history.length).toBe(0);
    expect(withoutEvidence(results.protocol)).toEqual(only(violation('init', SILENT)));
    expect(results['valid?']).toBe(false);
  });

  it('is waited for as long as the run allows, and the verdict names that time', async () => {
    const initAfter = (delayMs: number) =>
      onlyN0(
        answering({
          init: (message, node) => node.reply(message, { type: 'init_ok' }, delayMs),
          echo: echoesAfter(1),
        }),
      );
    const attempt = (delayMs: number) =>
      new ScriptedRun({ test: echo.test, scriptOf: initAfter(delayMs), initTimeoutMs: 30_000 });
    const inTime = await attempt(29_999).finish();
    expect(inTime.results['valid?']).toBe(true);
    const late = attempt(30_001);
    const { results } = await late.finish();
    expect(late.endedMs).toBe(30_000);
    expect(withoutEvidence(results.protocol)).toEqual(only(violation('init', SILENT.replace('10 s', '30 s'))));
  });

  it('may take nearly as long, and must not take longer', async () => {
    const initAfter = (delayMs: number) =>
      onlyN0(
        answering({
          init: (message, node) => node.reply(message, { type: 'init_ok' }, delayMs),
          echo: echoesAfter(1),
        }),
      );
    const inTime = await new ScriptedRun({ test: echo.test, scriptOf: initAfter(9999) }).finish();
    expect(inTime.results['valid?']).toBe(true);
    const late = await new ScriptedRun({ test: echo.test, scriptOf: initAfter(10_001) }).finish();
    expect(withoutEvidence(late.results.protocol)).toEqual(only(violation('init', SILENT)));
  });

  it.each<{ how: string; body: Readonly<Record<string, unknown>>; text: string }>([
    {
      how: 'an error',
      body: { type: 'error', code: 11, text: 'no disk' },
      text: 'n0 answered init with error 11 (temporarily-unavailable): no disk',
    },
    {
      how: 'an error without a text',
      body: { type: 'error', code: 13 },
      text: 'n0 answered init with error 13 (crash)',
    },
    {
      how: 'an error whose text is none',
      body: { type: 'error', code: 1000, text: { reason: 'disk' } },
      text: 'n0 answered init with error 1000: {"reason":"disk"}',
    },
    {
      how: 'an error without a code',
      body: { type: 'error', text: 'no disk' },
      text: 'n0 answered init with an error without a code: no disk',
    },
  ])('is reported when it answers init with $how', async ({ body, text }) => {
    const script = answering({ init: (message, node) => node.reply(message, body) });
    const run = new ScriptedRun({ test: echo.test, scriptOf: onlyN0(script) });
    const { history, results } = await run.finish();
    expect(run.endedMs).toBe(0);
    expect(history.length).toBe(0);
    expect(withoutEvidence(results.protocol)).toEqual(only(violation('init', text)));
    expect(results['valid?']).toBe(false);
  });

  it('is reported when it answers init with something else', async () => {
    const script = answering({ init: (message, node) => node.reply(message, { type: 'ok' }) });
    const { results } = await new ScriptedRun({ test: echo.test, scriptOf: onlyN0(script) }).finish();
    expect(results['valid?']).toBe(false);
    expect(withoutEvidence(results.protocol)).toEqual(
      only(violation('init', 'n0 answered init with something else: type: expected init_ok, received "ok"')),
    );
  });

  it('may answer init with more than its type, which is all that Maelstrom looks at', async () => {
    const script = answering({ init: (message, node) => node.reply(message, { type: 'init_ok', greeting: 'hello' }) });
    const { results } = await new ScriptedRun({ test: echo.test, scriptOf: () => script }).finish();
    expect(withoutEvidence(results.protocol)).toEqual({ 'valid?': true, count: 0, violations: [] });
  });

  it('ends the run at once when it exits, and no other node is accused', async () => {
    const scriptOf = (nodeId: string) =>
      answering({ init: nodeId === 'n1' ? (_, node) => node.exit('exit status 1', 300) : silence });
    const run = new ScriptedRun({ test: echo.test, scriptOf });
    const { results } = await run.finish();
    expect(run.endedMs).toBe(300);
    expect(withoutEvidence(results.protocol)).toEqual({
      'valid?': false,
      count: 1,
      violations: [{ time: 0, node: 'n1', rule: 'exit', text: 'n1 ended by itself: exit status 1' }],
    });
    expect(results['valid?']).toBe(false);
  });
});

describe('a node that closes its stdout', () => {
  it('is reported once, without a hint to flush', async () => {
    const script = answering({ init: (_, node) => node.tell((events) => events.onOutputClosed()) });
    const { results } = await new ScriptedRun({ test: echo.test, scriptOf: onlyN0(script) }).finish();
    expect(withoutEvidence(results.protocol)).toEqual(
      only(
        violation('stdout-closed', 'n0 closed its stdout but still runs, so it can send no more messages'),
        violation('init', 'n0 did not answer init within 10 s'),
      ),
    );
  });
});

describe('output that waits for its newline', () => {
  /** The violations of a node that is right except for the output that it holds. */
  async function breachesHolding(held: HeldOutput, script = rightNode(), later = [held]): Promise<unknown> {
    const seen = [held, ...later];
    const onStart = (node: object) => Object.assign(node, { heldOutput: () => seen.shift() });
    const run = new ScriptedRun({ test: echo.test, nodes: ['n0'], scriptOf: () => script, onStart, timeLimitMs: 1000 });
    return withoutEvidence((await run.finish()).results.protocol);
  }

  it('is reported at the end of the run when it has waited for a second', async () => {
    expect(await breachesHolding({ bytes: 74, beginning: '{"src"', waitedMs: 1000 })).toEqual(
      only(
        violation(
          'no-newline',
          'n0 left 74 bytes on its stdout without a newline; every message must end with one',
          '{"src"',
        ),
      ),
    );
  });

  it('may be a line that is still being written', async () => {
    expect(await breachesHolding({ bytes: 74, beginning: '{"src"', waitedMs: 999 })).toEqual(CLEAN);
  });

  it('may be a line whose end has arrived but was not read yet', async () => {
    expect(await breachesHolding({ bytes: 74, beginning: '{"src"', waitedMs: 1000 }, rightNode(), [])).toEqual(CLEAN);
  });

  it('is reported with the missing answer to init, however briefly it has waited', async () => {
    const text =
      'n0 did not answer init within 10 s; it printed 1 byte without a newline, and every message must end with one';
    expect(await breachesHolding({ bytes: 1, beginning: '{', waitedMs: 1 }, answering({ init: silence }))).toEqual(
      only(violation('init', text, '{')),
    );
  });
});

describe('a node that exits', () => {
  it('ends the run at once, and operations in flight are info', async () => {
    const script = answering({
      init: (message, node) => {
        answersInit(message, node);
        node.exit('exit status 0', 4000);
      },
    });
    const run = new ScriptedRun({ test: echo.test, scriptOf: onlyN0(script), timeLimitMs: 60_000 });
    const { history, results } = await run.finish();
    expect(run.endedMs).toBe(4000);
    const completions = [...operationPairs(history)].map(({ completion }) => completion);
    const infos = completions.filter(({ type }) => type === 'info').map(withoutTime);
    expect(infos).toEqual([{ type: 'info', process: 0, f: 'echo', value: infos[0]?.value, error: 'net-timeout' }]);
    expect(completions).toHaveLength([...history].filter(({ type }) => type === 'invoke').length);
    expect(withoutEvidence(results.protocol)).toEqual(only(violation('exit', 'n0 ended by itself: exit status 0')));
    expect(results['valid?']).toBe(false);
  });

  it('ends the run at once even if it exits within the call that delivers a message', async () => {
    const script = answering({ echo: (_, node) => node.exit('exit status 3') });
    const run = new ScriptedRun({ test: echo.test, scriptOf: () => script, synchronous: true, ratePerSecond: 1e300 });
    const { history, results } = await run.finish();
    expect(run.endedMs).toBe(0);
    expect([...history].map(({ type }) => type)).toEqual(['invoke', 'info']);
    expect(results.protocol).toMatchObject({ 'valid?': false, count: 1, violations: [{ rule: 'exit' }] });
  });

  it('ends the run at once even if it exits while it is started', async () => {
    const run = new ScriptedRun({
      test: echo.test,
      synchronous: true,
      onStart: (node) => node.id === 'n0' && node.exit('it could not be started (ENOENT)'),
    });
    const { results } = await run.finish();
    expect(run.endedMs).toBe(0);
    expect(withoutEvidence(results.protocol)).toEqual(
      only(violation('exit', 'n0 ended by itself: it could not be started (ENOENT)')),
    );
    expect([...run.bed.nodes.values()].every(({ killed }) => killed)).toBe(true);
  });
});

describe('a node that answers within the call that asks', () => {
  it.each([echo, uniqueIds])('is as good as any other: $name', async ({ test }) => {
    const scriptOf = () => answering({ echo: echoesAfter(0), generate: generatesAfter(0) });
    const run = new ScriptedRun({ test, scriptOf, synchronous: true, ratePerSecond: 500, faults: ['partition'] });
    const { results } = await run.finish();
    expect(results['valid?']).toBe(true);
    expect(results.availability).toEqual({ 'valid?': true, 'ok-fraction': 1 });
    expect(results.latency).toMatchObject({ max: 0 });
  });
});

describe('a line that is no message', () => {
  it.each<{ what: string; line: string; rule: string; text: string }>([
    {
      what: 'garbage',
      line: 'Ready.',
      rule: 'json',
      text: 'n0 printed a line that is not JSON; stdout is for messages only, logs belong on stderr',
    },
    {
      what: 'another source',
      line: '{"src":"n1","dest":"n2","body":{}}',
      rule: 'spoofed-src',
      text: 'n0 sent a message that says it is from "n1"',
    },
    {
      what: 'a key too many',
      line: '{"src":"n0","dest":"n2","body":{},"time":1}',
      rule: 'extra-key',
      text: 'n0 sent a message with the key "time" beside src, dest and body',
    },
    {
      what: 'a node that does not exist',
      line: '{"src":"n0","dest":"n3","body":{}}',
      rule: 'unknown-dest',
      text: 'n0 sent a message to "n3", which does not exist',
    },
    {
      what: 'a client that never was',
      line: '{"src":"n0","dest":"c99","body":{}}',
      rule: 'unknown-dest',
      text: 'n0 sent a message to "c99", which does not exist',
    },
    {
      what: 'a name that only begins as that of a client',
      line: '{"src":"n0","dest":"coordinator","body":{}}',
      rule: 'unknown-dest',
      text: 'n0 sent a message to "coordinator", which does not exist',
    },
    {
      what: 'a client that has left',
      line: '{"src":"n0","dest":"c0","body":{"type":"init_ok","in_reply_to":1}}',
      rule: 'unknown-dest',
      text: 'n0 sent a message to the client "c0", which is closed: it answered twice, or later than the client waits',
    },
    {
      what: 'lists in lists without end',
      line: '['.repeat(9999),
      rule: 'message',
      text: 'n0 printed JSON that nests deeper than 1000 levels',
    },
  ])('makes the run invalid, though every answer is right: $what', async ({ line, rule, text }) => {
    const scriptOf = onlyN0(printsOnce((node) => node.print(line)));
    const { results } = await new ScriptedRun({ test: echo.test, scriptOf, availability: 'total' }).finish();
    expect(withoutEvidence(results.protocol)).toEqual(only(violation(rule, text, line.slice(0, 500))));
    expect([results.workload?.['valid?'], results.stats?.['valid?'], results.availability?.['valid?']]).toEqual([
      true,
      true,
      true,
    ]);
    expect(results['valid?']).toBe(false);
  });

  it('makes the run invalid when it is not a line of text', async () => {
    const scriptOf = onlyN0(printsOnce((node) => node.printUnreadable('a line is not UTF-8 and was refused', 'Ã¤')));
    const { results } = await new ScriptedRun({ test: echo.test, scriptOf }).finish();
    const text = 'n0 printed output that cannot be read: a line is not UTF-8 and was refused';
    expect(withoutEvidence(results.protocol)).toEqual(only(violation('unreadable', text, 'Ã¤')));
  });

  it('is listed 20 times at most, and counted without a limit', async () => {
    const scriptOf = onlyN0(
      printsOnce((node) => {
        for (let count = 0; count < 10_050; count++) node.print(`garbage ${count}`);
      }),
    );
    const run = new ScriptedRun({ test: echo.test, scriptOf, synchronous: true });
    const { results } = await run.finish();
    const { count, violations } = results.protocol as CheckResult & { violations: { line: string }[] };
    expect(count).toBe(10_050);
    expect(violations.map(({ line }) => line)).toEqual(Array.from({ length: 20 }, (_, index) => `garbage ${index}`));
  });

  it('does not silence the node, as it does in Maelstrom', async () => {
    const script = answering({
      echo: (message, node) => {
        node.print('debug: echo');
        echoesAfter(1)(message, node);
      },
    });
    const { results } = await new ScriptedRun({
      test: echo.test,
      scriptOf: () => script,
      availability: 'total',
    }).finish();
    expect(results.availability).toEqual({ 'valid?': true, 'ok-fraction': 1 });
    expect(results.protocol?.count).toBe(results.stats?.count);
  });
});

describe('a reply with an extra field', () => {
  it('is a breach of the protocol, and its operation is info', async () => {
    const script = answering({
      generate: (message, node) => node.reply(message, { type: 'generate_ok', id: 'a', node: 'n0' }),
    });
    const run = new ScriptedRun({
      test: uniqueIds.test,
      scriptOf: () => script,
      nodes: ['n0'],
      concurrency: 1,
      timeLimitMs: 1,
    });
    const { history, results } = await run.finish();
    const problem = 'node: a field that generate_ok does not have';
    expect([...history].map(withoutTime)).toEqual([
      { type: 'invoke', process: 0, f: 'generate', value: null },
      { type: 'info', process: 0, f: 'generate', value: null, error: ['malformed-reply', problem] },
    ]);
    expect(withoutEvidence(results.protocol)).toEqual(
      only(
        violation(
          'closed-reply',
          `n0 sent a reply that is not as declared: ${problem}`,
          '{"type":"generate_ok","id":"a","node":"n0","in_reply_to":1}',
        ),
      ),
    );
  });
});

describe('an error without a code', () => {
  it('is a breach of the protocol, and its operation is info as in Maelstrom', async () => {
    const script = answering({ generate: (message, node) => node.reply(message, { type: 'error', text: 'no' }) });
    const one = { nodes: ['n0'], concurrency: 1, timeLimitMs: 1 };
    const { history, results } = await new ScriptedRun({
      test: uniqueIds.test,
      scriptOf: () => script,
      ...one,
    }).finish();
    expect([...history].map(withoutTime)[1]).toEqual({
      type: 'info',
      process: 0,
      f: 'generate',
      value: null,
      error: ['unknown', 'no', undefined],
    });
    const line = '{"type":"error","text":"no","in_reply_to":1}';
    expect(withoutEvidence(results.protocol)).toEqual(
      only(violation('error-code', 'n0 sent an error without a code: body.code must be an integer', line)),
    );
  });
});

describe('a message to a service', () => {
  /** Sends one request to a service before its first answer, and passes on the reply. */
  async function answersOf(dest: string, ...requests: readonly object[]): Promise<unknown[]> {
    return (await answersAndResults(dest, requests)).answers;
  }

  async function answersAndResults(dest: string, requests: readonly object[]) {
    const run = new ScriptedRun({
      test: echo.test,
      scriptOf: onlyN0(
        printsOnce((node) => {
          for (const body of requests) node.send(dest, { ...body });
        }),
      ),
    });
    const { results } = await run.finish();
    expect(withoutEvidence(results.protocol)).toEqual(CLEAN);
    const lines = run.bed.nodes.get('n0')?.lines.map((line) => JSON.parse(line)) ?? [];
    return { answers: lines.filter(({ src }) => src === dest).map(({ body }) => body), results };
  }

  it('is answered, in_reply_to its msg_id', async () => {
    expect(
      await answersOf(
        'lin-kv',
        { type: 'write', key: 'x', value: 1, msg_id: 7 },
        { type: 'read', key: 'x', msg_id: 8 },
        { type: 'read', key: 'y', msg_id: 9 },
      ),
    ).toEqual([
      { type: 'write_ok', in_reply_to: 7 },
      { type: 'read_ok', value: 1, in_reply_to: 8 },
      { type: 'error', code: 20, text: 'key does not exist', in_reply_to: 9 },
    ]);
  });

  it('is answered in_reply_to null when it has no msg_id', async () => {
    expect(await answersOf('lin-tso', { type: 'ts' })).toEqual([{ type: 'ts_ok', ts: 0, in_reply_to: null }]);
  });

  it('is not answered at all when its type is unknown', async () => {
    expect(await answersOf('seq-kv', { type: 'delete', key: 'x', msg_id: 1 }, { msg_id: 2 }, {})).toEqual([]);
  });

  it('is noted when the service does not understand it, each kind once and with its count', async () => {
    const asked = [{ type: 'delete', key: 'x' }, { type: 'delete' }, {}, { type: 'write', key: 'x' }, { type: 'read' }];
    const { results } = await answersAndResults('lww-kv', asked);
    const understood = 'lww-kv answers read, write and cas';
    const note = (text: string, body: object, count = 1) => ({ text, line: JSON.stringify(body), count });
    expect(results.services).toEqual({
      'valid?': true,
      count: 5,
      requests: [
        note(`n0 sent lww-kv 2 requests of the type "delete", which gets no answer; ${understood}`, asked[0] ?? {}, 2),
        note(`n0 sent lww-kv a request without a type, which gets no answer; ${understood}`, {}),
        note('n0 sent lww-kv a request of the type "write" without value, which lww-kv takes for null', asked[3] ?? {}),
        note('n0 sent lww-kv a request of the type "read" without key, which lww-kv takes for null', { type: 'read' }),
      ],
      summary: `n0 sent lww-kv 2 requests of the type "delete", which gets no answer; ${understood}: ${JSON.stringify(asked[0])}.`,
    });
  });

  it('is counted, and noted for twenty kinds', async () => {
    const asked = Array.from({ length: 30 }, (_, number) => ({ type: `t${number}` }));
    const { services } = (await answersAndResults('lin-tso', asked)).results;
    expect(services).toMatchObject({ count: 30, requests: { length: 20 } });
  });

  it('is noted nowhere when the service understands it', async () => {
    const { results } = await answersAndResults('lin-kv', [{ type: 'write', key: null, value: null }]);
    expect(results).not.toHaveProperty('services');
  });
});
