/** Foreign nodes that only know Maelstrom's protocol: right ones pass. */

import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { EndedTest, fixture, hasPython, OUR_NODE, runTest, snowstorm } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const CHAOS = fileURLToPath(new URL('../../bin/chaos', import.meta.url));

const folder = temporaryFolder();
let storeCount = 0;

const CLOSES_STDOUT = ['closes-its-stdout.mjs'];
if (hasPython('a node in Python that closes its stdout')) CLOSES_STDOUT.push('closes-its-stdout.py');

let runs = 0;

function run(workload: string, file: string, ...args: string[]): Promise<EndedTest> {
  return runTest({ workload, bin: fixture(file), store: join(folder, `${workload}-${file}-${++runs}`), args });
}

/** One node with arguments. */
function runNode(workload: string, file: string, ...args: string[]): Promise<EndedTest> {
  const store = join(folder, `${workload}-${file}-${storeCount++}`);
  return runTest({ workload, bin: fixture(file), store, args: ['--', ...args] });
}

function expectValid(run: EndedTest): void {
  expect(run.verdict).toBe('Everything looks good! The run is valid.');
  expect(run.violations).toEqual([]);
  expect(run.results['valid?']).toBe(true);
  expect(run.status, run.stderr).toBe(0);
}

describe.concurrent('a foreign node', () => {
  it('in plain JavaScript passes echo', async () => {
    const ended = await run('echo', 'echo.mjs', '--node-count', '3', '--availability', 'total');
    expectValid(ended);
    expect(ended.results.stats['ok-count']).toBeGreaterThan(10);
    // A request and a reply each, and init for three nodes.
    expect(ended.results.net.clients).toMatchObject({
      'send-count': 2 * ended.results.stats['ok-count'] + 6,
    });
  });

  it.skipIf(!hasPython('the echo node in Python'))('in plain Python passes echo', async () => {
    const ended = await run('echo', 'echo.py', '--node-count', '3', '--availability', 'total');
    expectValid(ended);
    expect(ended.results.stats['ok-count']).toBeGreaterThan(10);
  });

  it('with ids made of its name and a counter passes unique-ids under partitions', async () => {
    const partitions = ['--nemesis', 'partition', '--nemesis-interval', '0.4', '--availability', 'total'];
    const ended = await run('unique-ids', 'unique-ids.mjs', '--node-count', '3', ...partitions);
    expectValid(ended);
    expect(ended.results.workload).toMatchObject({ 'duplicated-count': 0, duplicated: {} });
    expect(ended.results.faults.started.partition).toBeGreaterThan(0);
  });

  it('may give out integers above 2^53, which differ from their neighbours', async () => {
    const ended = await run('unique-ids', 'big-integer-ids.mjs', '--availability', 'total');
    expectValid(ended);
    const count = ended.results.workload['acknowledged-count'];
    expect(count).toBeGreaterThan(10);
    // With every digit, on the screen and in the record.
    const range = [2n ** 60n + 1n, 2n ** 60n + BigInt(count)];
    expect(ended.stdout).toContain(`[${range.join(',')}]`);
    expect(ended.read('results.json').replaceAll(/\s/g, '')).toContain(`"range":[${range.join(',')}]`);
    expect(ended.read('history.jsonl')).toContain(`"value":${range[1]}`);
  });

  it('gets replies of lin-kv, seq-kv, lww-kv and lin-tso', async () => {
    const ended = await run('echo', 'asks-services.mjs', '--node-count', '2', '--availability', 'total');
    expectValid(ended);
    const answering = ended.messages.filter(({ event, dest }) => event === 'receive' && /^n\d$/.test(dest));
    for (const service of ['lin-kv', 'seq-kv', 'lww-kv', 'lin-tso']) {
      expect(answering.filter(({ src }) => src === service).length, service).toBeGreaterThan(1);
    }
  });

  it('that answers twice: the first reply counts, as in Maelstrom, and the second is reported', async () => {
    const ended = await run('echo', 'answers-twice.mjs', '--availability', 'total');
    expect(ended.results.stats['ok-count']).toBe(ended.results.stats?.count);
    expect(ended.verdict).toMatch(
      /^The run is INVALID\. n\d answered c\d+, who had not asked that, or was answered already/,
    );
  });
});

/** Restarts during the whole run. */
const OFTEN = ['--node-count', '3', '--time-limit', '1.5', '--rate', '300', '--concurrency', '20n'];
const SEEDS = Array.from({ length: 20 }, (_, index) => String(index + 1));

describe.concurrent('a node that is not ready', () => {
  it.each(SEEDS)('receives only init, in all its lives: seed %s', async (seed) => {
    const nemesis = Number(seed) % 2 === 0 ? 'kill=0.3' : 'kill=0.5,kill-all=0.5,pause=0.6';
    expectValid(await run('echo', 'hears-only-init-first.mjs', ...OFTEN, '--nemesis', nemesis, '--seed', seed));
  });

  it('receives only init from bin/chaos, too', async () => {
    const chaos = ['--kill', '0.5', '--seed', '1', '--for', '4', '--', fixture('hears-only-init-first.mjs')];
    // Every client may wait 5 s for an answer that a kill took. Then nothing succeeds until the chaos is over.
    const args = ['--node-count', '3', '--time-limit', '15', '--rate', '200', '--concurrency', '20n', '--', ...chaos];
    const ended = await runTest({ workload: 'echo', bin: CHAOS, store: join(folder, 'first-chaos'), args });
    expectValid(ended);
    expect(ended.read('node-logs/n0.log')).toContain('chaos: restart');
  });

  it.each(
    ['kill=0.4', 'kill-all=0.6', 'pause=0.5', 'all'].flatMap((nemesis) =>
      ['7', '8', '9'].map((seed) => [nemesis, seed] as const),
    ),
  )(
    'may handle messages concurrently, and read its name at the reply: --nemesis %s, seed %s',
    async (nemesis, seed) => {
      // With all faults at once a run is longer, so that some operations get through.
      const longer = nemesis === 'all' ? ['--time-limit', '4'] : [];
      const args = [...OFTEN, ...longer, '--nemesis', nemesis, '--nemesis-interval', '0.5', '--seed', seed];
      expectValid(await run('echo', 'answers-each-by-itself.mjs', ...args));
    },
  );
});

describe.concurrent('faults that let no operation succeed', () => {
  it('do not make a short run invalid', async () => {
    const faults = ['--nemesis', 'all', '--nemesis-interval', '1', '--seed', '3933343580'];
    const args = ['--node-count', '3', '--time-limit', '5', '--rate', '200', '--concurrency', '4n', ...faults];
    const { status, verdict, results } = await run('echo', 'echo.mjs', ...args);
    // Whether an operation gets through depends on the machine.
    expect([0, 2], verdict).toContain(status);
    expect(results.stats['valid?']).toBe(results.stats['ok-count'] > 0 ? true : 'unknown');
  });

  it('make the verdict unknown, with advice', async () => {
    const args = ['--node-count', '3', '--nemesis', 'loss=1'];
    const ended = await run('echo', 'echo.mjs', ...args);
    expect(ended.verdict).toBe(
      'Verdict unknown. Faults let no echo through: more clients, a longer run or fewer faults.',
    );
    expect(ended.status).toBe(2);
    expect(ended.results.clients['waiting-fraction']).toBeGreaterThan(0.9);
    expect(ended.results.clients).not.toHaveProperty('advice');
  });

  it('do not excuse a node that refuses everything without faults', async () => {
    const args = ['--nemesis', 'loss=0.01'];
    const ended = await run('unique-ids', 'always-refuses.mjs', ...args);
    expect(ended.results.stats['by-f'].generate).toMatchObject({ 'valid?': false });
    expect(ended.status).toBe(1);
  });
});

describe.concurrent("a beginner's mistake", () => {
  it.each([
    ['init', [], /^The run is INVALID\. n\d sent c\d+ a message without in_reply_to, which answers nothing/],
    ['echo', [], /^The run is INVALID\. n\d sent c\d+ a message without in_reply_to, which answers nothing/],
    [
      'echo',
      ['text'],
      /^The run is INVALID\. n\d sent c\d+ a message with the in_reply_to "\d+", which answers nothing/,
    ],
  ])('is in_reply_to, at %s %j', async (where, how, verdict) => {
    const ended = await run('echo', 'answers-nothing.mjs', '--node-count', '1', '--', where, ...how);
    expect(ended.verdict).toMatch(verdict);
    expect(ended.brokenRules).toContain('answers-nothing');
  });

  it('is a missing flush', async () => {
    const ended = await run('echo', 'does-not-flush.mjs', '--node-count', '1');
    expect(ended.verdict).toContain(
      'n0 did not answer init within 10 s (--init-timeout allows more), nor did it print any message: does it flush its stdout?',
    );
  });

  it('is a missing newline, at init', async () => {
    const ended = await runNode('echo', 'leaves-out-newlines.mjs', 'init');
    expect(ended.verdict).toBe(
      'The run is INVALID. n0 did not answer init within 10 s; it printed 66 bytes without a newline, and every message ' +
        'must end with one: {"src":"n0","dest":"c0","body":{"type":"init_ok","in_reply_to":1}}. No operation was completed.',
    );
    expect(ended.brokenRules).toEqual(['init']);
  });

  it('is a missing newline, later', async () => {
    const ended = await runNode('echo', 'leaves-out-newlines.mjs', 'echo');
    expect(ended.verdict).toMatch(
      /^The run is INVALID\. n0 left \d\d bytes on its stdout without a newline; every message must end with one: \{"src":"n0","dest":"c1","body":\{"type":"echo_ok","echo":"Please echo \d+","in_reply_to":1\}\}\. No operation of the kind "echo" ever succeeded\.$/,
    );
    expect(ended.brokenRules).toEqual(['no-newline']);
  });

  it('is a closed stdout', async () => {
    for (const file of CLOSES_STDOUT) {
      const ended = await runNode('echo', file);
      expect(ended.verdict, file).toBe(
        'The run is INVALID. n0 closed its stdout but still runs, so it can send no more messages. ' +
          'No operation of the kind "echo" ever succeeded.',
      );
      expect(ended.brokenRules, file).toEqual(['stdout-closed']);
    }
  });

  it('is not a closed stdout if a child has it or the node ends', async () => {
    expectValid(await runNode('echo', 'closes-its-stdout.mjs', 'child'));
    const ended = await runNode('echo', 'closes-its-stdout.mjs', 'exits');
    expect(ended.violations.map(({ text }) => text)).toEqual(['n0 ended by itself: exit status 3']);
  });

  it.each([
    ['\uFEFF', 'it begins with the invisible character U+FEFF (byte order mark)'],
    ['{src: ', 'it is wrong from column 2 on, where it has "src: {\\"src\\":…"'],
  ])('is what %j does to a line', async (beginning, what) => {
    const ended = await runNode('echo', 'prints-first.mjs', JSON.stringify(beginning));
    expect(ended.violations.map(({ rule, text }) => [rule, text])).toEqual([
      ['json', `n0 printed a line that is not JSON: ${what}; stdout is for messages only, logs belong on stderr`],
      [
        'init',
        'n0 did not answer init within 10 s (--init-timeout allows more), nor did it print any message: does it flush its stdout?',
      ],
    ]);
  });
});

describe.concurrent('an error reply of a node', () => {
  const wrong = 'A refused echo counts as a wrong answer.';
  const never = 'No operation of the kind "echo" ever succeeded.';

  it('is shown with its name, its number and its text', async () => {
    const ended = await runNode('echo', 'answers-errors.mjs', '{"code":10,"text":"unknown type"}');
    const { count } = ended.results.stats;
    expect(count).toBeGreaterThan(10);
    expect(ended.verdict).toBe(
      `The run is INVALID. ${count} echoes were refused with error 10 (not-supported), for instance "unknown type". ${wrong} ${never}`,
    );
    expect(ended.results.stats['by-f'].echo.errors).toEqual({
      'error 10 (not-supported)': { count, text: 'unknown type' },
    });
    expect(ended.results.workload).toMatchObject({ 'error-count': count, 'refused-count': count });
  });

  it('is shown if it is the only one', async () => {
    const ended = await runNode('echo', 'answers-errors.mjs', '{"code":11,"text":"busy"}', '1');
    expect(ended.verdict).toBe(
      `The run is INVALID. 1 echo was refused with error 11 (temporarily-unavailable), for instance "busy". ${wrong}`,
    );
  });

  it('is shown with a code of its own', async () => {
    const ended = await runNode('echo', 'answers-errors.mjs', '{"code":1234}');
    const { count } = ended.results.stats;
    expect(ended.verdict).toBe(`The run is INVALID. ${count} requests "echo" were answered with error 1234. ${never}`);
    expect(ended.history.find(({ error }) => error !== undefined)?.error).toEqual(['unknown', null, 1234]);
  });

  it.each([
    ['{}', 'an error without a code'],
    ['{"code":"11"}', 'an error with the code "11"'],
  ])('has a code that is an integer: %s', async (fields, what) => {
    const ended = await runNode('echo', 'answers-errors.mjs', fields);
    const { rule, text } = ended.violations[0] as EndedTest['violations'][number];
    expect([rule, text]).toEqual(['error-code', `n0 sent ${what}: body.code must be an integer`]);
    expect(ended.verdict).toContain(` requests "echo" were answered with ${what}. ${never}`);
  });
});

describe.concurrent('a request to a service', () => {
  const never = 'No operation of the kind "echo" ever succeeded.';

  it.each([
    [
      'lin-kv',
      { type: 'delete', key: 'x' },
      'of the type "delete", which gets no answer; lin-kv answers read, write and cas',
    ],
    ['seq-kv', { key: 'x' }, 'without a type, which gets no answer; seq-kv answers read, write and cas'],
    ['lin-tso', { type: 'read' }, 'of the type "read", which gets no answer; lin-tso answers ts'],
  ])('that %s does not understand is told: %j', async (service, request, what) => {
    const ended = await runNode('echo', 'asks-a-service.mjs', service, JSON.stringify(request));
    const line = JSON.stringify({ ...request, msg_id: 0 });
    const text = `n0 sent ${service} a request ${what}`;
    const summary = `${text}: ${line}.`;
    expect(ended.results.services).toEqual({ 'valid?': true, count: 1, requests: [{ text, line, count: 1 }], summary });
    expect(ended.verdict).toBe(`The run is INVALID. ${summary} ${never}`);
  });

  it('that lacks fields is reported, and is not a violation', async () => {
    const ended = await runNode('echo', 'asks-a-service.mjs', 'lin-kv', '{"type":"cas","key":"x"}');
    expectValid(ended);
    const { count } = ended.results.services;
    expect(ended.results.services.requests[0].text).toBe(
      `n0 sent lin-kv ${count} requests of the type "cas" without from and to, which lin-kv takes for null`,
    );
  });
});

describe.concurrent('the messages of a run', () => {
  const sent = /^:send (.*)$/gm;
  const received = /^:recv (.*)$/gm;
  const logged = (stderr: string, pattern: RegExp) =>
    [...stderr.matchAll(pattern)].map(([, json = '']) => JSON.parse(json));
  const recorded = (ended: EndedTest, kind: string) =>
    ended.messages.filter(({ event }) => event === kind).map(({ event: _, time: __, ...message }) => message);

  it('are shown when they are sent and received, with the options for that', async () => {
    const ended = await run('echo', 'echo.mjs', '--log-net-send', '--log-net-recv', '--time-limit', '0.3');
    expectValid(ended);
    expect(recorded(ended, 'send').length).toBeGreaterThan(10);
    expect(logged(ended.stderr, sent)).toEqual(recorded(ended, 'send'));
    expect(logged(ended.stderr, received)).toEqual(recorded(ended, 'receive'));
    expect(logged(ended.stderr, sent)[0]).toEqual({
      id: 0,
      src: 'c0',
      dest: 'n0',
      body: { type: 'init', node_id: 'n0', node_ids: ['n0'], msg_id: expect.any(Number) },
    });
    expect(ended.stdout).not.toMatch(/:send|:recv/);
  });

  it('are shown of simulated nodes, each once, of the first of two compared runs', async () => {
    const store = join(folder, 'simulated-messages');
    const args = ['test', '-w', 'echo', '--node-count', '1', '--time-limit', '3', '--seed', '1', '--store', store];
    const send = new EndedTest(await snowstorm([...args, '--log-net-send', '--check-determinism']), store);
    expect(send.status).toBe(0);
    expect(recorded(send, 'send').length).toBeGreaterThan(10);
    expect(logged(send.stderr, sent)).toEqual(recorded(send, 'send'));
    expect(send.stderr).not.toMatch(received);
    const recv = new EndedTest(await snowstorm([...args, '--log-net-recv']), store);
    expect(logged(recv.stderr, received)).toEqual(recorded(send, 'receive'));
    expect(recv.stderr).not.toMatch(sent);
    expect(send.stdout + recv.stdout).not.toMatch(/:send|:recv/);
  });
});

describe.concurrent('a program without a slash', () => {
  const name = 'echo-of-strangers';
  const here = mkdtempSync(join(folder, 'here-'));
  const inPath = mkdtempSync(join(folder, 'path-'));
  const settings = (store: string) => ({ workload: 'echo', bin: name, store: join(folder, store), cwd: here });
  const programOf = ({ results }: EndedTest) => results.options.program;
  copyFileSync(fixture('echo.mjs'), join(inPath, name));

  it.skipIf(!hasPython('a node that is run by python3'))('is looked up in PATH, as python3 is', async () => {
    const args = ['--', fixture('echo.py')];
    const ended = await runTest({ workload: 'echo', bin: 'python3', store: join(folder, 'python3'), args });
    expectValid(ended);
    const program = programOf(ended);
    expect(program).toMatch(/^\/.*\/python3$/);
    expect(ended.results.again).toContain(` --bin ${program} -- ${fixture('echo.py')}`);
  });

  it('is the file in the current folder if that is executable', async () => {
    // Files that are not executable, and folders, are passed over.
    const [notExecutable, alsoFolder] = [mkdtempSync(join(folder, 'plain-')), mkdtempSync(join(folder, 'folder-'))];
    writeFileSync(join(notExecutable, name), '');
    mkdirSync(join(alsoFolder, name));
    const env = { PATH: [notExecutable, alsoFolder, '', inPath, process.env.PATH].join(':') };
    writeFileSync(join(here, name), '', { mode: 0o644 });
    const elsewhere = await runTest({ ...settings('elsewhere'), env });
    expectValid(elsewhere);
    expect(programOf(elsewhere)).toBe(join(inPath, name));

    rmSync(join(here, name));
    copyFileSync(fixture('echo.mjs'), join(here, name));
    const local = await runTest({ ...settings('local'), env });
    expectValid(local);
    expect(programOf(local)).toBe(join(here, name));
  });
});

describe.concurrent('nodes with names', () => {
  const named = (name: string, nodes: string, ...args: string[]) =>
    runTest({ workload: 'echo', bin: fixture('echo.mjs'), store: join(folder, name), nodes: ['--nodes', nodes], args });

  it('get these names, in their order, and the command that repeats the run has them', async () => {
    const ended = await named('named', 'north,south pole', '--nemesis', 'partition', '--nemesis-interval', '0.3');
    expectValid(ended);
    const inits = ended.messages.filter(({ event, body }) => event === 'receive' && body.type === 'init');
    expect(inits.map(({ dest, body }) => [dest, body.node_ids])).toEqual([
      ['north', ['north', 'south pole']],
      ['south pole', ['north', 'south pole']],
    ]);
    expect(ended.results).toMatchObject({ again: expect.stringContaining(" --nodes 'north,south pole' ") });
    expect(ended.results.options).toMatchObject({ nodes: ['north', 'south pole'] });
    expect(ended.read('node-logs/south%20pole.log')).toBe('I am south pole\n');
  });

  it('may have the names of members of every object', async () => {
    const ended = await named('proto', '__proto__,toString', '--nemesis', 'partition', '--nemesis-interval', '0.3');
    expectValid(ended);
    expect(ended.results.faults.started.partition).toBeGreaterThan(0);
  });
});

describe.concurrent('a node that starts slowly', () => {
  it('has the time of --init-timeout, and the command that repeats the run has that option', async () => {
    const late = await run('echo', 'starts-slowly.mjs', '--init-timeout', '0.5');
    expect(late.verdict).toMatch(/n0 did not answer init within 0\.5 s \(--init-timeout allows more\)/);
    expect(late.status).toBe(1);
    expect(late.results).toMatchObject({ again: expect.stringContaining(' --init-timeout 0.5 ') });
    expect(late.results.options).toMatchObject({ initTimeoutMs: 500 });
    expectValid(await run('echo', 'starts-slowly.mjs', '--init-timeout', '20'));
  });
});

describe.concurrent('our node', () => {
  const partitions = ['--node-count', '3', '--time-limit', '2', '--rate', '200'];
  partitions.push('--nemesis', 'partition', '--nemesis-interval', '0.5', '--availability', 'total');

  for (const workload of ['echo', 'unique-ids']) {
    it(`serves ${workload} under partitions`, async () => {
      const ended = await runTest({
        workload,
        bin: OUR_NODE,
        store: join(folder, `ours-${workload}`),
        args: partitions,
        env: { TMPDIR: folder },
      });
      expectValid(ended);
      expect(ended.results.faults.started.partition).toBeGreaterThan(0);
      expect(ended.results.faults['partition-seconds']).toBeGreaterThan(0);
      expect(ended.results.stats['ok-count']).toBeGreaterThan(50);
    });
  }
});
