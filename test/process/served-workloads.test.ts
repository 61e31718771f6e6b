/**
 * The real program of a node with one more workload in its registry: `parrot`, which serves echo's message in its own
 * way. Our own workloads do not clash.
 */

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { beforeAll, expect, it } from 'vitest';
import { SERVED_WORKLOADS } from '../../src/workloads/nodes.ts';
import type { ServedWorkload } from '../../src/workloads/served-workload.ts';
import { INIT, temporaryFolder } from '../support/node-process.ts';

const program = join(temporaryFolder(), 'maelstrom-node.cjs');

const PARROT = `
  { ...echoNode, name: 'parrot', start: async (context, ports) => {
    const [echo] = await echoNode.start(context, ports);
    return [{ ...echo, handle: () => ({ echo: 'parrot' }) }];
  } },
];`;

beforeAll(async () => {
  await build({
    entryPoints: ['src/cli/maelstrom-node.ts'],
    bundle: true,
    platform: 'node',
    target: 'node20',
    outfile: program,
    plugins: [
      {
        name: 'parrot',
        setup: ({ onLoad }) =>
          onLoad({ filter: /workloads\/nodes\.ts$/ }, ({ path }) => ({
            contents: readFileSync(path, 'utf8').replace('\n];', PARROT),
            loader: 'ts',
          })),
      },
    ],
  });
});

interface Ended {
  readonly status: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param input undefined: stdin stays open, so only a program that does not wait for it ends */
function run(args: readonly string[], input?: string): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [program, ...args], { timeout: 10_000 }, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : error.code, stdout, stderr }),
    );
    if (input !== undefined) child.stdin?.end(input);
  });
}

it('refuses two workloads with one message type before it reads anything', async () => {
  expect(await run(['--workload', 'ids,echo,parrot'])).toEqual({
    status: 2,
    stdout: '',
    stderr: `\
maelstrom-node: --workload "ids,echo,parrot": both echo and parrot serve the message type echo; name only one of the two
Try maelstrom-node --help
`,
  });
});

it.each([
  ['by default the earlier one', [], 'hello'],
  ['the later one if it is named', ['--workload', 'parrot'], 'parrot'],
])('serves %s', async (_, args, echo) => {
  const request = '{"src":"c1","dest":"n0","body":{"type":"echo","msg_id":2,"echo":"hello"}}';
  const { status, stdout } = await run(['--state-dir', 'none', ...args], `${INIT}\n${request}\n`);
  const replies = stdout.trimEnd().split('\n');
  expect(JSON.parse(replies[1] ?? '{}').body).toEqual({ type: 'echo_ok', in_reply_to: 2, echo });
  expect(status).toBe(0);
});

it('names in --help what it leaves out by default', async () => {
  const { stdout } = await run(['--help'], '');
  const names = (workloads: readonly ServedWorkload[]) => workloads.map(({ name }) => name).join(', ');
  expect(stdout.replaceAll(/\s+/g, ' ')).toContain(
    `${names(SERVED_WORKLOADS)}, parrot. Default: what the harness says it tests, if that is snowstorm; else ` +
      `${names(SERVED_WORKLOADS.filter(({ whenAsked }) => !whenAsked))}.`,
  );
});
