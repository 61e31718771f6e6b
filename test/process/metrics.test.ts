/** Metrics, health, the summary and the rate limit of the real node process. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Health, Metrics } from '../../src/node/status.ts';
import { findReplyProblem } from '../../src/protocol/rpc.ts';
import { INIT, NodeProcess, runNode, temporaryFolder } from '../support/node-process.ts';
import { splitLogs } from '../support/summary-line.ts';

const request = (type: string, messageId: number, fields: object = {}, src = 'c1') =>
  JSON.stringify({ src, dest: 'n0', body: { type, msg_id: messageId, ...fields } });

const echoes = (count: number, src = 'c1') =>
  Array.from({ length: count }, (_, index) => request('echo', index + 2, { echo: index }, src));

const messages = (stdout: string) =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

const NO_STATE = ['--state-dir', 'none'];

describe('the node process', () => {
  it('answers metrics with its figures, as declared', async () => {
    const node = await new NodeProcess().start();
    const lines = [...echoes(3), request('generate', 5), request('nonsense', 6)];
    node.send(...lines);
    for (const _ of lines) await node.nextBody();
    node.send('garbage');
    node.send(request('metrics', 7));
    const body = await node.nextBody();
    expect(findReplyProblem(Metrics, body)).toBeUndefined();
    expect(body).toMatchObject({
      messages_in: 1 + lines.length + 2,
      messages_out: 1 + lines.length,
      messages_refused: 2,
      bytes_in: Buffer.byteLength([INIT, ...lines, 'garbage', request('metrics', 7), ''].join('\n')),
      requests: {
        echo: { count: 3, ok: 3, errors: {}, in_flight: 0 },
        generate: { count: 1, ok: 1, errors: {} },
        unknown: { count: 1, ok: 0, errors: { 10: 1 } },
      },
    });
    expect(body.uptime_ms).toBeGreaterThan(0);
    node.child.stdin.end();
    const { stdout } = await node.ended;
    expect(body.bytes_out).toBe(Buffer.byteLength(stdout.slice(0, stdout.lastIndexOf('\n', stdout.length - 2) + 1)));
  });

  it('answers health', async () => {
    const { stdout } = await runNode([INIT, request('health', 2)].join('\n'), NO_STATE);
    const { body } = messages(stdout)[1];
    expect(findReplyProblem(Health, body)).toBeUndefined();
    expect(body).toEqual({ type: 'health_ok', in_reply_to: 2, status: 'ok', troubles: {} });
  });

  it('counts lines that are refused before the node', async () => {
    const input = Buffer.concat([
      Buffer.from(`${INIT}\n${'x'.repeat(5000)}\n`),
      Buffer.from([0x7b, 0xff, 0x7d, 0x0a]),
      Buffer.from(`${request('metrics', 2)}\n`),
    ]);
    const { stdout } = await runNode(input, [...NO_STATE, '--max-line-bytes', '1024']);
    expect(messages(stdout)[1].body).toMatchObject({ messages_in: 4, messages_refused: 2, bytes_in: input.length });
  });
});

describe('the summary', () => {
  it('is the one line that a node writes to stderr at the end of its input', async () => {
    const input = [INIT, ...echoes(100), ''].join('\n');
    const { status, stdout, stderr } = await runNode(input, NO_STATE);
    expect(status).toBe(0);
    expect(stderr).toMatch(/^\{"level":"info","time":"[^"]+","node":"n0","message":"summary","uptime_ms":.*\}\n$/);
    const { logged, summary } = splitLogs(stderr);
    expect(logged).toEqual([]);
    const { level, time, node, message, ...figures } = summary;
    expect(Metrics.reply.safeParse(figures)).toMatchObject({ success: true, data: figures });
    expect(figures).toMatchObject({
      in_flight: 0,
      messages_in: 101,
      messages_out: 101,
      messages_refused: 0,
      bytes_in: Buffer.byteLength(input),
      bytes_out: Buffer.byteLength(stdout),
      requests: { echo: { count: 100, ok: 100, errors: {}, in_flight: 0 } },
    });
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('comes at %s, too', async (signal) => {
    const node = await new NodeProcess().start();
    node.send(...echoes(3));
    for (let answer = 0; answer < 3; answer++) await node.nextBody();
    node.child.kill(signal);
    const { status, stderr } = await node.ended;
    expect(status).toBe(0);
    const { logged, summary } = splitLogs(stderr);
    expect(logged).toEqual([]);
    expect(summary).toMatchObject({ node: 'n0', requests: { echo: { ok: 3 } } });
  });

  it.each(['debug', 'info', 'warn', 'error'])('comes at log level %s', async (level) => {
    const { stderr } = await runNode(`${INIT}\n`, [...NO_STATE, '--log-level', level]);
    expect(splitLogs(stderr)).toMatchObject({ logged: [], summary: { messages_in: 1, messages_out: 1 } });
  });

  it.each(['end of input', 'SIGTERM'] as const)('does not come at log level silent, at %s', async (end) => {
    const node = await new NodeProcess([...NO_STATE, '--log-level', 'silent']).start();
    if (end === 'SIGTERM') node.child.kill(end);
    else node.child.stdin.end();
    expect(await node.ended).toMatchObject({ status: 0, stderr: '' });
  });

  it('comes from a node without an init', async () => {
    const { stderr } = await runNode('', NO_STATE);
    const { summary } = splitLogs(stderr);
    expect(summary).toMatchObject({ messages_in: 0, requests: {} });
    expect(summary).not.toHaveProperty('node');
  });

  it('does not come from a node that could not start', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'snowstorm-n0.1.json'), '{"format":1,"no');
    const { status, stderr } = await runNode(`${INIT}\n`, ['--state-dir', folder]);
    expect(status).toBe(1);
    expect(stderr).not.toContain('summary');
  });
});

describe('a node process with --rate-limit', () => {
  it('answers 11 to a client that floods it, and serves another one', async () => {
    // A token in a quarter of an hour: none comes back during the test.
    const args = [...NO_STATE, '--rate-limit', '0.001'];
    const lines = [INIT, ...echoes(50), ...echoes(1, 'c2'), ...echoes(20, 'n1'), request('metrics', 99), ''];
    const { status, stdout, stderr } = await runNode(lines.join('\n'), args);
    expect(status).toBe(0);
    const answers = messages(stdout).slice(1);
    const types = (client: string) =>
      answers.filter(({ dest }) => dest === client).map(({ body }) => body.code ?? body.type);
    expect(types('c1')).toEqual(['echo_ok', ...Array(49).fill(11), 'metrics_ok']);
    expect(types('c2')).toEqual(['echo_ok']);
    expect(types('n1')).toEqual(Array(20).fill('echo_ok'));
    expect(answers[1].body.text).toMatch(/^c1 may send 0\.001 requests\/s; try again in \d+ ms$/);
    const { logged, summary } = splitLogs(stderr);
    expect(logged).toEqual([]);
    expect(summary.requests.echo).toMatchObject({ count: 71, ok: 22, errors: { 11: 49 } });
  });

  it.each(['0', '-1', 'many', '', 'Infinity'])('%j is refused', async (rate) => {
    const { status, stdout, stderr } = await runNode('', [`--rate-limit=${rate}`]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(`maelstrom-node: --rate-limit ${JSON.stringify(rate)}: expected a number from 0.001 to`);
  });
});
