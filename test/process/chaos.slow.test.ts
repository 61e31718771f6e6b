/** The real `bin/chaos` between a harness or a test and real nodes. */

import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type EndedTest, fixture, OUR_NODE, Running, runTest, until } from '../support/snowstorm-process.ts';
import { STOCK_WORKLOADS } from '../support/stock-workloads.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const CHAOS = fileURLToPath(new URL('../../bin/chaos', import.meta.url));
const INIT = '{"id":0,"src":"c0","dest":"n0","body":{"type":"init","node_id":"n0","node_ids":["n0"],"msg_id":1}}\n';
/** On a busy machine even short runs take long. */
const PATIENCE_MS = 180_000;

const folder = temporaryFolder();
let runs = 0;

const EVERYTHING = ['--kill', '1.5', '--pause', '3', '--service-cut', '2', '--node-cut', '3'];
const FATES = ['--loss', '0.02', '--duplicate', '0.05', '--delay', '0.05', '--delay-ms', '300'];

const OF_OUR_OWN = ['echo', 'unique-ids', 'ids', 'voucher', 'saga'];
/** Of two that share their store one is enough: broadcast has that of g-set, pn-counter that of g-counter. */
const OF_MAELSTROM: readonly string[] = STOCK_WORKLOADS.filter((name) => name !== 'g-set' && name !== 'g-counter');
/** What our node promises, where Maelstrom's default is more. */
const MODELS: Readonly<Record<string, readonly string[]>> = {
  'txn-rw-register': ['--consistency-models', 'causal-cerone'],
};

interface ChaosRun {
  readonly workload: string;
  /** Arguments of the harness. */
  readonly harness?: readonly string[];
  readonly chaos: readonly string[];
  readonly node: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

function run({ workload, harness = [], chaos, node, env = {} }: ChaosRun): Promise<EndedTest> {
  const args = [...harness, '--', ...chaos, '--', ...node];
  return runTest({ workload, bin: CHAOS, store: join(folder, `${++runs}`), args, env });
}

/** Chaos driven by a test, with the node's `init` sent. */
function supervise(args: readonly string[], ...node: readonly string[]): Running {
  const running = new Running(CHAOS, [...args, '--', ...node]);
  running.type(INIT);
  return running;
}

function untilStderrHas(running: Running, text: string, times = 1): Promise<void> {
  return until(
    () => running.stderr.split(text).length > times,
    () => `${times} × ${JSON.stringify(text)} in ${running.stderr}`,
  );
}

function logsOf(ended: EndedTest, nodes: readonly string[]): string {
  return nodes.map((node) => ended.read(`node-logs/${node}.log`)).join('');
}

describe('our node survives', () => {
  it.each([...OF_OUR_OWN, ...OF_MAELSTROM])(
    'all faults at once: %s',
    async (workload) => {
      const ended = await run({
        workload,
        harness: [
          // Many clients, because each that loses a message waits 5 s for the answer.
          ...['--node-count', '3', '--time-limit', '9', '--rate', '60', '--concurrency', '30n', '--seed', 'chaos'],
          // The harness does not know the faults of chaos. Without faults of its own it demands replies for sagas.
          ...(workload === 'saga' ? ['--nemesis', 'reordering=0.05'] : []),
          ...(MODELS[workload] ?? []),
          ...(OF_MAELSTROM.includes(workload) ? ['--strict'] : []),
        ],
        chaos: [...EVERYTHING, ...FATES, '--for', '6', '--seed', '7'],
        node: [OUR_NODE, '--state-dir', join(folder, `state-${workload}`)],
      });
      expect(ended.violations).toEqual([]);
      expect(ended.verdict).toBe('Everything looks good! The run is valid.');
      const logs = logsOf(ended, ['n0', 'n1', 'n2']);
      for (const event of ['kill', 'restart', 'ready', 'pause', 'resume', 'cut', 'mend', 'faults end'])
        expect(logs).toContain(`"message":"chaos: ${event}"`);
      if (workload === 'voucher' || workload === 'saga')
        for (const event of ['loss', 'duplicate', 'delay']) expect(logs).toContain(`"message":"chaos: ${event}"`);
    },
    PATIENCE_MS,
  );
});

describe('a harness', () => {
  it('may itself kill and pause chaos in place of the node', async () => {
    const ended = await run({
      workload: 'echo',
      // So many clients that some are idle while a node is up, even if a busy machine starts nodes slowly.
      harness: [
        ...['--node-count', '2', '--time-limit', '8', '--rate', '40', '--concurrency', '50n'],
        ...['--nemesis', 'kill=1.5,pause=1.5'],
      ],
      // The faults of every life of the supervisor end, or the nodes would still fail after the harness has healed.
      chaos: ['--kill', '0.8', '--pause', '1', '--for', '2'],
      node: [OUR_NODE, '--state-dir', 'none'],
    });
    expect(ended.violations).toEqual([]);
    expect(ended.verdict).toBe('Everything looks good! The run is valid.');
  });

  it('receives no reply after the timeout of its client', async () => {
    const ended = await run({
      workload: 'echo',
      harness: ['--time-limit', '7', '--rate', '4'],
      chaos: [],
      node: [fixture('answers-late.mjs')],
    });
    expect(ended.violations).toEqual([]);
    expect(ended.results.stats['info-count']).toBe(1);
    expect(logsOf(ended, ['n0'])).toContain('chaos: late answer held back');
  });

  it('may start nodes in another folder: a path is relative to the folder of the shell', async () => {
    const ended = await run({
      workload: 'echo',
      chaos: [],
      node: [`./${relative(dirname(fixture('')), fixture('echo.mjs'))}`],
      env: { PWD: dirname(fixture('')) },
    });
    expect(ended.verdict).toBe('Everything looks good! The run is valid.');
    expect(logsOf(ended, ['n0'])).toContain('I am n0\n');
  });
});

describe('a wrong node is found', () => {
  it('if only a kill shows its error', async () => {
    // Its ids are unique only within the life of its process.
    const node = [fixture('unique-ids.mjs')];
    const harness = ['--time-limit', '6', '--concurrency', '100n'];
    const calm = await run({ workload: 'unique-ids', harness: ['--time-limit', '1'], chaos: [], node });
    expect(calm.verdict).toBe('Everything looks good! The run is valid.');
    const ended = await run({ workload: 'unique-ids', harness, chaos: ['--kill', '1', '--seed', '7'], node });
    expect(ended.verdict).toMatch(/^The run is INVALID\. \d+ ids? w(as|ere) given out more than once/);
    expect(ended.violations).toEqual([]);
  });

  it.each([
    ['echoes-wrongly', /echo/],
    ['prints-garbage', /printed a line that is not JSON/],
    ['answers-twice', /who had not asked that, or was answered already/],
    ['extra-message-key', /key/],
    ['unknown-destination', /which does not exist/],
    ['exits-early', /ended by itself/],
    ['refuses-init', /answered init with error 13 \(crash\)/],
  ])('with each kind of error: %s', async (name, says) => {
    const ended = await run({ workload: 'echo', chaos: FATES, node: [fixture(`${name}.mjs`)] });
    expect(ended.verdict).toMatch(/^The run is INVALID\. /);
    expect(ended.verdict).toMatch(says);
  });

  it.concurrent('if it closes its stdout and lives on', async () => {
    const chaos = ['--kill', '1000', '--pause', '1000'];
    const ended = await run({ workload: 'echo', chaos, node: [fixture('closes-its-stdout.mjs')] });
    expect(ended.verdict).toBe(
      'The run is INVALID. n0 closed its stdout but still runs, so it can send no more messages. ' +
        'No operation of the kind "echo" ever succeeded.',
    );
    expect(ended.brokenRules).toEqual(['stdout-closed']);
    expect(logsOf(ended, ['n0'])).toContain(
      '"message":"chaos: the node closed its stdout but still runs, so chaos closes its own stdout"',
    );
    expect(logsOf(ended, ['n0'])).toContain('"message":"chaos: faults end"');
  });

  it.concurrent('but not if a child of it has the stdout, or it ends after it has closed it', async () => {
    const node = [fixture('closes-its-stdout.mjs')];
    const ended = await run({ workload: 'echo', chaos: [], node: [...node, 'child'] });
    expect(ended.verdict).toBe('Everything looks good! The run is valid.');
    const exited = await run({ workload: 'echo', chaos: [], node: [...node, 'exits'] });
    expect(exited.violations.map(({ text }) => text)).toEqual([
      expect.stringMatching(/^n0 ended by itself: exit status 3; its last words were: .*it ended by itself/),
    ]);
  });

  it.concurrent('if it leaves out the newline, at init', async () => {
    const ended = await run({ workload: 'echo', chaos: [], node: [fixture('leaves-out-newlines.mjs'), 'init'] });
    expect(ended.verdict).toBe(
      'The run is INVALID. n0 did not answer init within 10 s; it printed 66 bytes without a newline, and every message ' +
        'must end with one: {"src":"n0","dest":"c0","body":{"type":"init_ok","in_reply_to":1}}. No operation was completed.',
    );
  });

  it.concurrent('if it leaves out the newline, later', async () => {
    const ended = await run({
      workload: 'echo',
      chaos: ['--kill', '1000', '--pause', '1000'],
      node: [fixture('leaves-out-newlines.mjs'), 'echo'],
    });
    expect(ended.verdict).toMatch(
      /^The run is INVALID\. n0 left \d\d+ bytes on its stdout without a newline; every message must end with one: \{"src":"n0","dest":"c\d+","body":\{"type":"echo_ok",/,
    );
    expect(ended.brokenRules).toEqual(['no-newline']);
    expect(logsOf(ended, ['n0'])).toMatch(
      /"message":"chaos: the node printed a line without a newline; it is passed on as it is","bytes":\d+,"beginning":"\{/,
    );
    expect(logsOf(ended, ['n0'])).toContain('"message":"chaos: faults end"');
  });

  it('if it refuses init after a kill', async () => {
    const script = `
      const fs = require('node:fs');
      require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
        const { src, dest, body } = JSON.parse(line);
        const again = fs.existsSync(process.argv[1]);
        fs.writeFileSync(process.argv[1], '');
        const reply = again ? { type: 'error', code: 13, text: 'not again' } : { type: 'init_ok' };
        console.log(JSON.stringify({ src: dest, dest: src, body: { ...reply, in_reply_to: body.msg_id } }));
      });`;
    const running = supervise(['--kill', '0.2'], process.execPath, '-e', script, join(folder, 'was-here'));
    const { status, stdout, stderr } = await running.ended;
    expect(status).toBe(1);
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
    expect(stderr).toContain('not again');
    await running.nothingLeft();
  });
});

describe('on its stdout', () => {
  it("init_ok comes once, even after many kills, and all other lines are the node's", async () => {
    const running = supervise(['--kill', '1', '--seed', '1'], OUR_NODE, '--state-dir', 'none');
    await untilStderrHas(running, 'chaos: ready', 3);
    let asked = 1;
    // Kills lose some requests, but one of many is answered.
    await until(
      () => {
        running.type(`{"src":"c1","dest":"n0","body":{"type":"echo","echo":"hello","msg_id":${++asked}}}\n`);
        return running.stdout.includes('echo_ok');
      },
      () => running.stdout,
    );
    running.child.stdin?.end();
    const { status, stdout, stderr } = await running.ended;
    const types = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).body.type);
    expect(types.filter((type) => type === 'init_ok')).toHaveLength(1);
    expect(new Set(types)).toEqual(new Set(['init_ok', 'echo_ok']));
    expect(status).toBe(0);
    // Faults and the node's own logs, a JSON object a line.
    for (const line of stderr.trimEnd().split('\n')) expect(JSON.parse(line)).toHaveProperty('time');
    expect(stderr).toMatch(/"level":"info","time":"[^"]+","node":"n0","message":"chaos: kill","life":1,"down_ms":\d+/);
    await running.nothingLeft();
  });

  it('a line in two halves arrives unchanged, and init_ok once', async () => {
    const script = `
      let asked = 0;
      require('node:readline').createInterface({ input: process.stdin }).on('line', () => {
        const line = Buffer.from(asked++ === 0
          ? '{"src":"n0","dest":"c0","body":{"type":"init_ok","in_reply_to":1}}\\n'
          : '{"src":"n0","dest":"c1","body":{"type":"echo_ok","echo":"h\u00e4","in_reply_to":2}}\\n');
        // The second line is cut within the letter.
        const half = asked === 1 ? 30 : line.indexOf(0xc3) + 1;
        process.stdout.write(line.subarray(0, half));
        setTimeout(() => process.stdout.write(line.subarray(half)), 3000);
      });`;
    const running = supervise([], process.execPath, '-e', script);
    const initOk = '{"src":"n0","dest":"c0","body":{"type":"init_ok","in_reply_to":1}}\n';
    const echoOk = '{"src":"n0","dest":"c1","body":{"type":"echo_ok","echo":"h\u00e4","in_reply_to":2}}\n';
    const untilStdoutIs = (text: string) =>
      until(
        () => running.stdout === text,
        () => JSON.stringify(running.stdout),
      );
    await untilStdoutIs(initOk.slice(0, 30));
    await untilStdoutIs(initOk);
    running.type('{"src":"c1","dest":"n0","body":{"type":"echo","echo":"h\u00e4","msg_id":2}}\n');
    await untilStdoutIs(initOk + echoOk.slice(0, echoOk.indexOf('\u00e4')));
    await untilStdoutIs(initOk + echoOk);
    running.signal('SIGTERM');
    expect((await running.ended).stdout).toBe(initOk + echoOk);
    await running.nothingLeft();
  });

  it('half a line of a killed node is dropped', async () => {
    const script = `
      require('node:readline').createInterface({ input: process.stdin }).on('line', () => {
        process.stdout.write('{"src":"n0","dest":"c0","body":{"type":"init_ok","in_reply_to":1}}\\n{"src":"n0","dest":"n0","bo');
      });`;
    // Soon: half a line is passed on after a second.
    const running = supervise(['--kill', '0.3'], process.execPath, '-e', script);
    await untilStderrHas(running, 'chaos: ready', 2);
    running.signal('SIGTERM');
    const { stdout } = await running.ended;
    const [first, ...more] = stdout.split('\n');
    expect(JSON.parse(first as string).body).toEqual({ type: 'init_ok', in_reply_to: 1 });
    // Half a line of the last life may appear: it was not killed.
    expect(more.join('').length).toBeLessThan(40);
    await running.nothingLeft();
  });
});

describe.concurrent('nothing is left', () => {
  it.each(['SIGKILL', 'SIGHUP'] as const)('after %s, of a node that lives on, nor of its children', async (signal) => {
    const running = supervise([], fixture('lives-on.mjs'));
    await until(
      () => running.descendants().filter((line) => /\.mjs|setInterval/.test(line)).length === 3,
      () => running.descendants().join(' | '),
    );
    running.signal(signal);
    expect(await running.ended).toMatchObject({ signal });
    await running.nothingLeft();
  });

  it('after SIGKILL, of a paused node', async () => {
    const running = supervise(['--pause', '100', '--seed', '7'], fixture('echo.mjs'));
    await untilStderrHas(running, 'faults begin');
    const paused = supervise(['--pause', '0.2'], fixture('answers-by-a-child.mjs'));
    await untilStderrHas(paused, 'chaos: pause');
    for (const each of [running, paused]) {
      each.signal('SIGKILL');
      await each.ended;
      await each.nothingLeft();
    }
  });

  it('after SIGKILL, if one chaos stands behind another', async () => {
    const running = supervise([], CHAOS, '--kill', '0.3', '--', fixture('lives-on.mjs'));
    await untilStderrHas(running, 'chaos: ready', 2);
    running.signal('SIGKILL');
    await running.ended;
    await running.nothingLeft();
  });

  it('of earlier lives', async () => {
    const running = supervise(['--kill', '1'], fixture('lives-on.mjs'));
    await untilStderrHas(running, 'chaos: ready', 3);
    await until(
      () => running.descendants().filter((line) => /lives-on/.test(line)).length <= 1,
      () => running.descendants().join(' | '),
    );
    running.signal('SIGKILL');
    await running.ended;
    await running.nothingLeft();
  });

  it('after the harness has gone, even of a node that does not end; that is no failure', async () => {
    const running = supervise(['--pause', '1'], fixture('lives-on.mjs'));
    await untilStderrHas(running, 'chaos: pause');
    running.child.stdin?.end();
    expect(await running.ended).toMatchObject({ status: 0, signal: null });
    await running.nothingLeft();
  });

  it('after its output is closed', async () => {
    const running = supervise([], fixture('lives-on.mjs'));
    running.child.stdout?.destroy();
    expect(await running.ended).toMatchObject({ status: 0, signal: null });
    await running.nothingLeft();
  });
});

describe.concurrent('it ends as the node does', () => {
  it.each([
    ['with its status', 'process.exit(3)', 3],
    ['with 128 and its signal', 'process.kill(process.pid, "SIGTERM")', 143],
    ['with 0', '', 0],
  ])('%s', async (_, script, status) => {
    const running = supervise([], process.execPath, '-e', `process.stdin.destroy(); ${script}`);
    expect(await running.ended).toMatchObject({ status, signal: null });
    await running.nothingLeft();
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('at %s', async (signal) => {
    const running = supervise([], OUR_NODE, '--state-dir', 'none');
    await until(
      () => running.stdout.includes('init_ok'),
      () => running.stderr,
    );
    running.signal(signal);
    expect(await running.ended).toMatchObject({ status: 0, signal: null });
    await running.nothingLeft();
  });

  it('and with 255 if there is no node', async () => {
    const running = supervise([], 'there-is-no-such-program-anywhere');
    const { status, stderr } = await running.ended;
    expect(status).toBe(255);
    expect(stderr).toContain('it could not be started');
    await running.nothingLeft();
  });
});

describe.concurrent('the command line', () => {
  it.each([
    ['no node', ['--kill', '5'], 'NODE is missing: its program goes after --'],
    ['a word before --', ['often', '--', 'x'], 'unexpected argument "often"; the node goes after --'],
    ['an unknown option', ['--kil', '5', '--', 'x'], "Unknown option '--kil'"],
    ['a time that is not a number', ['--kill', 'often', '--', 'x'], '--kill "often": expected a number from 0.01'],
    ['no time at all', ['--pause', '0', '--', 'x'], '--pause "0": expected a number from 0.01'],
    ['a probability above 1', ['--loss', '2', '--', 'x'], '--loss "2": expected a number from 0 to 1'],
    ['too much probability', ['--loss', '0.6', '--delay', '0.6', '--', 'x'], 'add up to more than 1'],
    [
      'a choice that is none',
      ['--peers', 'clients', '--', 'x'],
      '--peers "clients": expected one of node, service, all',
    ],
    ['no seed', ['--seed', '', '--', 'x'], '--seed "": expected a number or a word'],
    ['a missing node', ['--', './no/such/node'], './no/such/node: there is no such file in '],
    [
      'a node that is not executable',
      ['--', './package.json'],
      './package.json: this file is not executable; chmod +x it',
    ],
  ])('refuses %s', async (_, args, says) => {
    const { status, stdout, stderr } = await new Running(CHAOS, args).ended;
    expect(stderr).toContain(says);
    expect(stderr).toMatch(/^chaos: .*\nTry chaos --help\n$/);
    expect({ status, stdout }).toEqual({ status: 254, stdout: '' });
  });

  it.each([
    ['alone', ['node', 'x']],
    ['with options of the node', ['node', '--state-dir', 'none']],
    ['after options of chaos', ['--kill', '5', 'node', 'x']],
  ])('refuses a node without a second --, %s', async (_, args) => {
    const { status, stdout, stderr } = await new Running(CHAOS, args).ended;
    expect(stderr).toBe(
      'chaos: node is not an option of chaos: put a second -- before the program of the node\nTry chaos --help\n',
    );
    expect({ status, stdout }).toEqual({ status: 254, stdout: '' });
  });

  it('is told in the verdict of a harness, if the second -- is missing', async () => {
    const args = ['--', 'node', fixture('echo.mjs')];
    const ended = await runTest({ workload: 'echo', bin: CHAOS, store: join(folder, `${++runs}`), args });
    expect(ended.violations.map(({ text }) => text)).toEqual([
      'n0 ended by itself: exit status 254; its last words were: chaos: node is not an option of chaos: ' +
        'put a second -- before the program of the node ⏎ Try chaos --help',
    ]);
  });

  it('has a help text', async () => {
    const { status, stdout, stderr } = await new Running(CHAOS, ['--help']).ended;
    expect(stdout).toMatch(/^Usage: chaos \[options\] -- NODE/);
    for (const option of [
      '--kill SECONDS',
      '--service-cut SECONDS',
      '--loss P',
      '--peers node|service|all',
      '--for SECONDS',
    ])
      expect(stdout).toContain(option);
    expect(stdout.split('\n').filter((line) => line.length > 132)).toEqual([]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});
