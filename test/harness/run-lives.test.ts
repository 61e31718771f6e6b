/** What a node receives before it has answered `init`, in its first life and after every restart, over many seeds. */

import { describe, expect, it } from 'vitest';
import type { Fault } from '../../src/harness/fault.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { echo } from '../../src/workloads/echo/workload.ts';
import { answering, echoesAfter, type Script } from '../support/scripted-bed.ts';
import { ScriptedRun, type ScriptedRunOptions } from '../support/scripted-run.ts';

const SEEDS = Array.from({ length: 50 }, (_, index) => String(index));
const PROCESS_FAULTS: readonly Fault[] = [
  ...(['partition', 'bridge', 'one-way', 'service-cut', 'loss', 'duplication', 'reordering', 'delay'] as const),
  ...(['kill', 'kill-all', 'pause'] as const),
];
const AFTER_MS_MAX = 200;

async function expectValid(seed: string, faults: readonly Fault[], scriptOf: ScriptedRunOptions['scriptOf']) {
  const { results } = await new ScriptedRun({
    test: echo.test,
    ...(scriptOf && { scriptOf }),
    seed,
    faults,
    nemesisIntervalMs: 1000,
    ratePerSecond: 50,
    concurrency: 60,
  }).finish();
  expect(results.protocol, `seed ${seed}`).toMatchObject({ count: 0, violations: [] });
  expect(results['valid?'], `seed ${seed}`).toBe(true);
}

/** Handles each message alone, a while after it came, and reads the node's name when it answers. */
function answersEachByItself(random: SeededRandom): Script {
  let name: string | undefined;
  return (message, node) => {
    node.later(random.float() * AFTER_MS_MAX, () => {
      const { src, body } = message;
      const send = (dest: string, reply: object) => node.print(JSON.stringify({ src: name, dest, body: reply }));
      if (body.type === 'init') {
        name = body.node_id;
        send(src, { type: 'init_ok', in_reply_to: body.msg_id });
        for (const id of body.node_ids) if (id !== name) send(id, { type: 'hello' });
      } else if (body.type === 'hello') send(src, { type: 'hello_too' });
      else if (body.type === 'echo') send(src, { type: 'echo_ok', echo: body.echo, in_reply_to: body.msg_id });
    });
  };
}

/** Delays its answer to `init`, and reports what else it receives meanwhile. */
function hearsOnlyInitFirst(): Script {
  let ready = false;
  return (message, node) => {
    const { type, echo: text } = message.body;
    if (type === 'init') {
      node.later(AFTER_MS_MAX, () => {
        node.reply(message, { type: 'init_ok' });
        ready = true;
      });
    } else if (!ready) node.print(`heard ${type} of ${message.src} before it had answered init`);
    else if (type === 'echo') node.reply(message, { type: 'echo_ok', echo: text });
  };
}

describe.each([[['kill']], [['kill-all']], [['pause']], [PROCESS_FAULTS]] as [Fault[]][])('under %s', (faults) => {
  it('a node that handles each message alone is valid', async () => {
    for (const seed of SEEDS)
      await expectValid(seed, faults, (id) => answersEachByItself(new SeededRandom(seed).fork(id)));
  });

  it('a node receives nothing before it has answered init', async () => {
    for (const seed of SEEDS) await expectValid(seed, faults, hearsOnlyInitFirst);
  });
});

describe('a node that starts slowly', () => {
  const startsIn = (delayMs: number) => (): Script => (message, node) => {
    const { type, echo: text } = message.body;
    if (type === 'init') node.later(delayMs, () => node.reply(message, { type: 'init_ok' }));
    else if (type === 'echo') node.reply(message, { type: 'echo_ok', echo: text });
  };
  const finish = (delayMs: number, initTimeoutMs: number) =>
    new ScriptedRun({
      test: echo.test,
      scriptOf: startsIn(delayMs),
      faults: ['kill-all'],
      initTimeoutMs,
      nemesisIntervalMs: 3000,
      timeLimitMs: 60_000,
      ratePerSecond: 20,
      concurrency: 60,
    }).finish();

  it('has that time after a restart too, before it must serve again', async () => {
    expect((await finish(12_000, 60_000)).results).toMatchObject({
      protocol: { count: 0 },
      recovery: { 'valid?': true },
    });
  });

  it('is reported when it takes longer', async () => {
    const slowAfterwards = (): Script => {
      return (message, node) => {
        const { type, echo: text } = message.body;
        if (type === 'init' && lives.has(node.id)) return;
        lives.add(node.id);
        if (type === 'init') node.reply(message, { type: 'init_ok' });
        else if (type === 'echo') node.reply(message, { type: 'echo_ok', echo: text });
      };
    };
    const lives = new Set<string>();
    const run = new ScriptedRun({
      test: echo.test,
      scriptOf: slowAfterwards,
      faults: ['kill-all'],
      initTimeoutMs: 1000,
      nemesisIntervalMs: 3000,
      timeLimitMs: 20_000,
      concurrency: 60,
    });
    const { results } = await run.finish();
    expect(results.recovery).toMatchObject({ 'valid?': false });
    expect(results.protocol?.violations).toMatchObject([
      {
        rule: 'init',
        text: expect.stringMatching(
          /^n\d was started again and did not answer init within \d+ s \(--init-timeout allows more\)$/,
        ),
      },
      { rule: 'init' },
      { rule: 'init' },
    ]);
  });
});

describe('a node that does not serve again soon after the faults', () => {
  it.each([
    [0, 9000, true],
    [0, 11_000, false],
    [150, 39_000, true],
    [150, 41_000, false],
  ])('has 10 s and 100 round trips: with a latency of %i ms, after %i ms: %s', async (latencyMeanMs, sickMs, valid) => {
    const timeLimitMs = 5000;
    const run: ScriptedRun = new ScriptedRun({
      test: echo.test,
      scriptOf: () =>
        answering({
          echo: (message, node) => {
            const nowMs = run.time.now();
            if (nowMs < timeLimitMs || nowMs > timeLimitMs + sickMs) echoesAfter(1)(message, node);
            else node.reply(message, { type: 'error', code: 11, text: 'later' });
          },
        }),
      faults: ['partition'],
      latencyMeanMs,
      timeLimitMs,
    });
    expect((await run.finish()).results.recovery).toMatchObject({ 'valid?': valid });
  });
});
