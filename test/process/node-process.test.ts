import { execFileSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { WAITING_BYTES_MAX } from '../../src/host/stdio/line-output.ts';
import { decodeSnowflake } from '../../src/ids/snowflake.ts';
import { SERVED_WORKLOADS } from '../../src/workloads/nodes.ts';
import {
  INIT,
  NODE_PROGRAM,
  NodeProcess,
  residentMegabytes,
  runNode,
  temporaryFolder,
} from '../support/node-process.ts';
import { splitLogs } from '../support/summary-line.ts';

const ALL_NAMES = SERVED_WORKLOADS.map(({ name }) => name).join(', ');

const request = (type: string, messageId: number, fields: object = {}) =>
  JSON.stringify({ id: 7, src: 'c1', dest: 'n0', body: { ...fields, type, msg_id: messageId } });

const bodies = (stdout: string) =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line).body);

describe('the node process', () => {
  it('answers every request before it ends at the end of its input, the last line without a newline too', async () => {
    const requests = Array.from({ length: 5000 }, (_, index) => request('generate', index + 2));
    const { status, stdout, stderr } = await runNode([INIT, ...requests].join('\n'), [
      '--state-dir',
      temporaryFolder(),
    ]);
    expect({ status, logged: splitLogs(stderr).logged }).toEqual({ status: 0, logged: [] });
    const [init, ...replies] = bodies(stdout);
    expect(init).toEqual({ type: 'init_ok', in_reply_to: 1 });
    expect(replies.map((body) => body.in_reply_to)).toEqual(requests.map((_, index) => index + 2));
    expect(new Set(replies.map((body) => body.id)).size).toBe(5000);
  });

  it('answers generate with exactly type, in_reply_to and id', async () => {
    const { stdout } = await runNode(`${INIT}\n${request('generate', 2)}\n`);
    const body = bodies(stdout)[1];
    expect(Object.keys(body).sort()).toEqual(['id', 'in_reply_to', 'type']);
    expect(decodeSnowflake(body.id)).toMatchObject({ node: 0 });
  });

  it('takes CRLF, empty lines and characters of every width', async () => {
    const echo = 'Grüße, 世界 🌍 \u2028 \u0000';
    const { stdout, stderr } = await runNode(`${INIT}\r\n\r\n\n${request('echo', 2, { echo })}\r\n`);
    expect(bodies(stdout)[1]).toEqual({ type: 'echo_ok', in_reply_to: 2, echo });
    expect(splitLogs(stderr).logged).toEqual([]);
  });

  it('prints only messages on stdout, for any input', async () => {
    const garbage = [
      'garbage',
      '{"src":',
      '[]',
      '{}',
      'null',
      '{"src":"c1","dest":"n0","body":{"type":"nonsense","msg_id":5}}',
      '\u0000',
    ];
    const invalid = Buffer.from([0x7b, 0xff, 0xfe, 0x7d, 0x0a]);
    const input = Buffer.concat([
      Buffer.from(`${INIT}\n${garbage.join('\n')}\n`),
      invalid,
      Buffer.from(`${request('echo', 9, { echo: 1 })}\n`),
    ]);
    const { status, stdout, stderr } = await runNode(input);
    expect(status).toBe(0);
    expect(bodies(stdout)).toMatchObject([
      { type: 'init_ok' },
      { code: 10, in_reply_to: 5 },
      { type: 'echo_ok', in_reply_to: 9 },
    ]);
    const { logged } = splitLogs(stderr);
    expect(logged).toHaveLength(garbage.length + 1);
    expect(logged.every(({ level, node, message }) => level === 'warn' && node === 'n0' && message !== '')).toBe(true);
  });

  it('answers a line of 1 MiB', async () => {
    const echo = 'x'.repeat(1024 * 1024);
    const { stdout } = await runNode(`${INIT}\n${request('echo', 2, { echo })}\n`);
    expect(bodies(stdout)[1].echo).toBe(echo);
  });

  it('answers a last line whose reply is larger than the output buffer', async () => {
    const echo = 'x'.repeat(WAITING_BYTES_MAX + 1);
    const { status, stdout, stderr } = await runNode(`${INIT}\n${request('echo', 2, { echo })}`);
    expect({ status, logged: splitLogs(stderr).logged }).toEqual({ status: 0, logged: [] });
    expect(bodies(stdout)[1].echo).toBe(echo);
  });

  it('lives on when its stderr is closed', async () => {
    const node = await new NodeProcess().start();
    node.child.stderr.destroy();
    node.send('garbage', 'garbage', request('echo', 2, { echo: 1 }));
    expect(await node.nextBody()).toMatchObject({ echo: 1 });
    node.send('garbage', request('echo', 3, { echo: 2 }));
    expect(await node.nextBody()).toMatchObject({ echo: 2 });
    node.child.stdin.end();
    expect(await node.ended).toMatchObject({ status: 0 });
  });

  it('lives on after a line beyond the limit, in bounded memory', async () => {
    const node = await new NodeProcess().start();
    const before = residentMegabytes(node.child.pid);
    const block = Buffer.alloc(1024 * 1024, 'x');
    for (let megabytes = 0; megabytes < 200; megabytes++) {
      if (!node.child.stdin.write(block)) await new Promise((resolve) => node.child.stdin.once('drain', resolve));
    }
    node.send('', request('echo', 2, { echo: 'still here' }));
    expect(await node.nextBody()).toMatchObject({ echo: 'still here' });
    expect(residentMegabytes(node.child.pid) - before).toBeLessThan(100);
    node.child.stdin.end();
    const { status, stderr } = await node.ended;
    expect(status).toBe(0);
    expect(splitLogs(stderr).logged).toMatchObject([
      { level: 'warn', message: 'a line of more than 4194304 bytes was refused' },
    ]);
  });

  it('stops reading while its reader is slow, and then answers all requests', async () => {
    const node = new NodeProcess(['--state-dir', 'none'], { readsLines: false });
    node.send(INIT);
    const echo = 'y'.repeat(1000);
    const count = 60_000;
    let accepted = 0;
    let stalled = false;
    const feed = async () => {
      for (let sent = 0; sent < count; sent += 100) {
        const lines = Array.from(
          { length: 100 },
          (_, index) => `${request('echo', sent + index + 2, { echo })}\n`,
        ).join('');
        const flushed = new Promise((resolve) => node.child.stdin.write(lines, resolve));
        await flushed;
        accepted += lines.length;
      }
      node.child.stdin.end();
    };
    const feeding = feed();
    // Without a reader the pipe, the waiting output and the input read ahead fill up. Then the node takes no more.
    for (let unchanged = 0, last = -1; unchanged < 10; ) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      unchanged = accepted === last ? unchanged + 1 : 0;
      last = accepted;
    }
    stalled = accepted < count * 1000;
    expect(stalled).toBe(true);
    expect(accepted).toBeLessThan(WAITING_BYTES_MAX * 8);
    expect(residentMegabytes(node.child.pid)).toBeLessThan(150);
    let newlines = 0;
    node.child.stdout.on('data', (chunk: Buffer) => {
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) newlines++;
    });
    await feeding;
    const { status, stderr } = await node.ended;
    expect({ status, logged: splitLogs(stderr).logged }).toEqual({ status: 0, logged: [] });
    expect(newlines).toBe(count + 1);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('finishes and exits 0 at %s', async (signal) => {
    const node = await new NodeProcess(['--state-dir', temporaryFolder()]).start();
    node.send(request('generate', 2));
    await node.nextBody();
    node.child.kill(signal);
    const { status, signal: killedBy, stderr } = await node.ended;
    expect({ status, killedBy, logged: splitLogs(stderr).logged }).toEqual({ status: 0, killedBy: null, logged: [] });
  });

  it('exits 0 without a message if its reader has gone', async () => {
    const node = await new NodeProcess().start();
    node.child.stdout.destroy();
    for (let messageId = 2; messageId < 50; messageId++) node.send(request('echo', messageId, { echo: 1 }));
    expect(await node.ended).toMatchObject({ status: 0, stderr: '' });
  });

  it('works from any working directory', async () => {
    const { status, stdout } = await runNode(`${INIT}\n`, ['--state-dir', 'none'], { cwd: '/' });
    expect({ status, replies: bodies(stdout).length }).toEqual({ status: 0, replies: 1 });
  });

  it('answers 11 before init', async () => {
    const { stdout } = await runNode(`${request('generate', 3)}\n`);
    expect(bodies(stdout)).toMatchObject([{ type: 'error', code: 11, in_reply_to: 3 }]);
  });

  it('logs its work at log level debug', async () => {
    const late = '{"src":"n1","dest":"n0","body":{"type":"read_ok","in_reply_to":99,"value":1}}';
    const { stderr } = await runNode(`${INIT}\n${late}\n`, ['--state-dir', 'none', '--log-level', 'debug']);
    expect(splitLogs(stderr).logged).toMatchObject([{ level: 'debug', node: 'n0', in_reply_to: 99 }]);
    expect((await runNode('garbage\n', ['--state-dir', 'none', '--log-level', 'silent'])).stderr).toBe('');
  });
});

describe('ids of the node process', () => {
  const generate = async (node: NodeProcess, messageId: number) => {
    node.send(request('generate', messageId));
    return (await node.nextBody()).id as string;
  };

  it('never repeat and only grow, over lives that end by kill -9', async () => {
    const folder = temporaryFolder();
    const ids: bigint[] = [];
    for (let life = 0; life < 5; life++) {
      const node = await new NodeProcess(['--state-dir', folder]).start();
      for (let messageId = 2; messageId < 100; messageId++) ids.push(BigInt(await generate(node, messageId)));
      node.child.kill('SIGKILL');
      await node.ended;
    }
    expect(ids.every((id, index) => index === 0 || id > (ids[index - 1] as bigint))).toBe(true);
  });

  it('differ between two processes with the same node id', async () => {
    const folder = temporaryFolder();
    const nodes = await Promise.all([1, 2].map(() => new NodeProcess(['--state-dir', folder]).start()));
    const ids: string[] = [];
    for (let messageId = 2; messageId < 300; messageId++) {
      ids.push(...(await Promise.all(nodes.map((node) => generate(node, messageId)))));
    }
    for (const node of nodes) node.child.kill('SIGKILL');
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('are kept in a state file that names the node', async () => {
    const folder = temporaryFolder();
    const node = await new NodeProcess(['--state-dir', folder]).start();
    await generate(node, 2);
    node.child.kill('SIGKILL');
    const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
    expect(files).toEqual([expect.stringMatching(/^snowstorm-n0\.\d+\.json$/)]);
    expect(JSON.parse(readFileSync(join(folder, files[0] as string), 'utf8'))).toMatchObject({ node: 'n0' });
  });

  it.runIf(process.getuid?.() === 0)('are given out if the user has no name, as in containers', () => {
    const folder = temporaryFolder();
    chmodSync(folder, 0o777);
    const uid = 1_234_567;
    const stdout = execFileSync(NODE_PROGRAM, [], {
      input: `${INIT}\n${request('generate', 2)}\n`,
      env: { PATH: process.env.PATH, TMPDIR: folder },
      uid,
      stdio: 'pipe',
      encoding: 'utf8',
    });
    expect(bodies(stdout)).toMatchObject([{ type: 'init_ok' }, { type: 'generate_ok' }]);
    expect(readdirSync(folder)).toEqual([`snowstorm-${uid}`]);
  });

  it('are not given out if the state file is broken: the node answers init with the reason and exits 1', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'snowstorm-n0.1.json'), '{"format":1,"no');
    const { status, stdout, stderr } = await runNode(`${INIT}\n`, ['--state-dir', folder]);
    expect(status).toBe(1);
    expect(bodies(stdout)).toMatchObject([
      { type: 'error', code: 14, text: expect.stringContaining('snowstorm-n0.1.json') },
    ]);
    expect(JSON.parse(stderr)).toMatchObject({
      level: 'error',
      reason: expect.stringContaining('snowstorm-n0.1.json'),
    });
  });
});

describe('a clock that was set back by three days', () => {
  it('stops every start of the node without the skew in the error, until it was stopped for long enough', async () => {
    const folder = temporaryFolder();
    const start = (...options: string[]) =>
      runNode(`${INIT}\n${request('generate', 2)}\n`, ['--state-dir', folder, ...options]);
    const reservedUntil = Date.now() + 72.5 * 3_600_000;
    const state = JSON.stringify({ format: 1, node: 'n0', reservedUntil });
    writeFileSync(join(folder, 'snowstorm-n0.1.json'), `${state}\n`);
    const text =
      "the wall clock is 72 h 30 min behind the stored bound of this node's ids, more than the 24 h that are believed: " +
      'set the clock right; if it is right already, start the node with --max-skew 74h, every time until it has been ' +
      'stopped for 49 h in total; while it runs, its ids stay ahead of the clock';
    const refused = await start();
    expect(bodies(refused.stdout)[0]).toMatchObject({ type: 'error', code: 14, text: expect.stringContaining(text) });
    expect(refused.status).toBe(1);
    const [, option = '', value = '', hours = ''] =
      /(--max-skew) (\d+h).*stopped for (\d+) h/.exec(refused.stderr) ?? [];
    const served = [{ type: 'init_ok' }, { type: 'generate_ok' }];
    expect(bodies((await start(option, value)).stdout)).toMatchObject(served);
    expect((await start()).status).toBe(1);
    expect(bodies((await start(option, value)).stdout)).toMatchObject(served);

    // To be stopped for a time has the effect of a bound that is as much lower.
    const [name = ''] = readdirSync(folder);
    const last = JSON.parse(readFileSync(join(folder, name), 'utf8'));
    const caughtUp = { ...last, reservedUntil: last.reservedUntil - Number(hours) * 3_600_000 };
    writeFileSync(join(folder, name), `${JSON.stringify(caughtUp)}\n`);
    expect(bodies((await start()).stdout)).toMatchObject(served);
  });
});

describe('a node that is asked to serve some workloads', () => {
  it('answers and starts nothing else: it leases no number for echo', async () => {
    const node = await new NodeProcess(['--workload', 'echo', '--node-id', 'lease']).start();
    node.send(request('echo', 2, { echo: 1 }), request('generate', 3), request('voucher_create', 4));
    node.child.stdin.end();
    const { status, stdout } = await node.ended;
    expect(bodies(stdout)).toEqual([
      { type: 'init_ok', in_reply_to: 1 },
      { type: 'echo_ok', in_reply_to: 2, echo: 1 },
      { type: 'error', in_reply_to: 3, code: 10, text: 'body.type: generate is not supported by this node' },
      { type: 'error', in_reply_to: 4, code: 10, text: 'body.type: voucher_create is not supported by this node' },
    ]);
    expect(status).toBe(0);
  });

  it('serves several, and shares the handlers of ids with unique-ids', async () => {
    const served = ['--state-dir', 'none', '-w', 'unique-ids,saga,ids'];
    const { stdout } = await runNode(`${INIT}\n${request('generate', 2)}\n${request('echo', 3)}\n`, served);
    expect(bodies(stdout)).toMatchObject([
      { type: 'init_ok' },
      { type: 'generate_ok', in_reply_to: 2 },
      { code: 10, in_reply_to: 3 },
    ]);
  });

  it('are by default what the harness tests, or all that need not be named, as --help says', async () => {
    const { stdout } = await runNode('', ['--help']);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(
      `-w, --workload NAME,... The workloads that the node serves, with commas between them: ${ALL_NAMES}. ` +
        'Default: what the harness says it tests, if that is snowstorm; else echo, unique-ids, ids, voucher, saga.',
    );
  });
});

describe('the command line of the node', () => {
  it('says that a node without state must be one process', async () => {
    const { stdout } = await runNode('', ['--help']);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(
      'none: nowhere. Then a node must be one process, and its clock must not be set back around a restart, ' +
        'or ids repeat.',
    );
  });

  it('has its options in --help', async () => {
    const { status, stdout } = await runNode('', ['--help']);
    expect(status).toBe(0);
    for (const option of [
      '--node-id',
      '--lease',
      '--state-dir',
      '--log-level',
      '--max-lead',
      '--max-skew',
      '--reserve',
      '--max-in-flight',
      '--rate-limit',
      '--max-line-bytes',
    ]) {
      expect(stdout).toContain(option);
    }
  });

  it('prints its version', async () => {
    expect(await runNode('', ['--version'])).toMatchObject({
      status: 0,
      stdout: `${JSON.parse(readFileSync('package.json', 'utf8')).version}\n`,
    });
  });

  it.each([
    [
      ['--workload', 'echo,nonsense'],
      '--workload "echo,nonsense": there is no workload "nonsense"; ' +
        `expected one or more of ${ALL_NAMES}\nTry maelstrom-node --help\n`,
    ],
    [['--nonsense'], "Unknown option '--nonsense'"],
    [['--log-level', 'loud'], '--log-level "loud": expected one of debug, info, warn, error, silent'],
    [['--max-lead', '5'], '--max-lead "5": expected a duration such as 500ms, 5s, 24h or 30d'],
    [['--reserve', '10s'], '--reserve must not be longer than --max-lead, or a restarted node could not serve at once'],
    [['--reserve', '0ms'], '--reserve "0ms": expected at least 1ms'],
    [['--max-skew', '9s'], '--max-skew must be at least twice --max-lead, and at least --max-lead plus --reserve'],
    [['--max-in-flight', '0'], '--max-in-flight "0": expected a whole number of at least 1'],
    [['--state-dir', ''], '--state-dir "": expected a folder, lin-kv or none'],
    [['--node-id', 'number'], '--node-id "number": expected one of index, lease'],
    [['--lease', '0s'], '--lease "0s": expected at least 1ms'],
    [['--lease', '10s'], '--lease needs --node-id lease'],
    [['--lease', '10s', '--state-dir', 'lin-kv'], '--lease needs --node-id lease'],
    [
      ['--node-id', 'lease', '--state-dir', 'a/folder'],
      '--node-id lease keeps its state in lin-kv; leave out --state-dir a/folder',
    ],
    [
      ['--node-id', 'lease', '--state-dir', 'none'],
      '--node-id lease keeps its state in lin-kv; leave out --state-dir none',
    ],
    [
      ['--node-id', 'lease', '--reserve', '29s'],
      '--reserve must be at least as long as --lease, or ids would end before the lease',
    ],
    [
      ['--node-id', 'lease', '--lease', '2m'],
      '--reserve must be at least as long as --lease, or ids would end before the lease',
    ],
    [
      ['--node-id', 'lease', '--max-skew', '64s'],
      '--max-skew must be at least twice --max-lead, and at least --max-lead plus --reserve',
    ],
    [
      ['--state-dir', 'lin-kv', '--max-skew', '64s'],
      '--max-skew must be at least twice --max-lead, and at least --max-lead plus --reserve',
    ],
    [['--members', 'some'], '--members "some": expected one of fixed, registered'],
    [['--store-patience', '49ms'], '--store-patience "49ms": expected at least 50ms'],
    [['--store-patience', '61s'], '--store-patience "61s": expected at most 60s'],
    [['stray'], 'unexpected argument "stray"'],
  ])('answers %j with exit status 2 and says why', async (args, reason) => {
    const { status, stdout, stderr } = await runNode('', args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(`maelstrom-node: ${reason}`);
  });

  it.each([
    [['--node-id', 'lease', '--state-dir', 'lin-kv']],
    [['--members', 'registered', '--store-patience', '60s']],
    [['--node-id', 'lease', '--lease', '60s', '--max-skew', '65s']],
    [['--node-id', 'index', '--state-dir', 'lin-kv', '--reserve', '10s', '--max-skew', '15s']],
  ])('takes options that go together, to the limit: %j', async (args) => {
    expect(await runNode('', args)).toMatchObject({ status: 0, stdout: '' });
  });

  it('refuses to start in a named folder that cannot be written', async () => {
    const { status, stderr } = await runNode(`${INIT}\n`, ['--state-dir', join(NODE_PROGRAM, 'folder')]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^maelstrom-node: .*folder.*\n$/);
  });
});

describe('the recorded transcripts', () => {
  interface Recorded {
    readonly dir: 'in' | 'out';
    readonly line: string;
  }
  const recorded = (file: string): Recorded[] =>
    readFileSync(join('test/data/transcripts', file), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));

  it('of echo are answered as recorded', async () => {
    const entries = recorded('echo-n0.jsonl');
    const { status, stdout } = await runNode(
      entries
        .filter(({ dir }) => dir === 'in')
        .map(({ line }) => `${line}\n`)
        .join(''),
    );
    expect(status).toBe(0);
    const withoutMessageId = (line: string) => {
      const message = JSON.parse(line);
      // The recorded node numbered its replies, which is optional.
      delete message.body.msg_id;
      return message;
    };
    const answers = stdout.trimEnd().split('\n');
    expect(answers.map(withoutMessageId)).toEqual(
      entries.filter(({ dir }) => dir === 'out').map(({ line }) => withoutMessageId(line)),
    );
  });

  it.each(['n0', 'n1', 'n2'])('of unique-ids are answered by %s, each request once, with new ids', async (nodeId) => {
    const entries = recorded(`unique-ids-partition/${nodeId}.jsonl`);
    const input = entries
      .filter(({ dir }) => dir === 'in')
      .map(({ line }) => `${line}\n`)
      .join('');
    const { stdout } = await runNode(input);
    const addresses = (lines: readonly string[]) =>
      lines.map((line) => {
        const { src, dest, body } = JSON.parse(line);
        return { src, dest, type: body.type, in_reply_to: body.in_reply_to };
      });
    const answers = stdout.trimEnd().split('\n');
    expect(addresses(answers)).toEqual(addresses(entries.filter(({ dir }) => dir === 'out').map(({ line }) => line)));
    const ids = bodies(stdout)
      .slice(1)
      .map((body) => body.id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(new Set(ids.map((id) => decodeSnowflake(id).node))).toEqual(new Set([Number(nodeId.slice(1))]));
  });
});
