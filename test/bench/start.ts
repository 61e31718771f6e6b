/**
 * (c) Starts, beside a Node that does nothing: a node process until its first reply, and a short simulated run from
 * command to verdict.
 */

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { interleave, type Section, secondsOf } from './measure.ts';
import { startNode } from './node-process.ts';

const ROUNDS = 21;
const RUN = ['test', '-w', 'unique-ids', '--node-count', '3', '--rate', '1000', '--time-limit', '1'];

export async function benchStart(): Promise<readonly Section[]> {
  const folder = mkdtempSync(join(tmpdir(), 'snowstorm-bench-'));
  try {
    const { nothing, node, run } = await interleave(ROUNDS, {
      nothing: startOfNothing,
      node: () => startToFirstReply(),
      run: () =>
        1000 * secondsOf(() => execFileSync('bin/snowstorm', [...RUN, '--store', folder], { stdio: 'ignore' })),
    });
    return [
      {
        title: '(c) starts',
        figures: [
          { name: 'node -e 0', input: 'nothing', unit: 'ms', values: nothing.values },
          {
            ...{ name: 'maelstrom-node, to its first reply', input: 'init', unit: 'ms', values: node.values },
            yardstick: { name: 'node -e 0', ratios: node.ratios },
            goal: { of: 'ratio', atMost: 1.65 },
          },
          {
            ...{ name: 'a simulated run, command to verdict', unit: 'ms', values: run.values },
            input: 'unique-ids, 1 s at 1,000/s, 3 nodes',
            yardstick: { name: 'node -e 0', ratios: run.ratios },
            goal: { of: 'ratio', atMost: 3 },
          },
        ],
      },
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @param program ours, or another one */
export function startToFirstReply(program?: string): Promise<number> {
  const start = performance.now();
  const child = startNode(program);
  return new Promise((resolve) => {
    child.stdout?.once('data', () => {
      resolve(performance.now() - start);
      child.kill('SIGKILL');
    });
  });
}

function startOfNothing(): Promise<number> {
  const start = performance.now();
  const child = spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' });
  return new Promise((resolve) => child.once('exit', () => resolve(performance.now() - start)));
}
