/** A node that prints, with the real programs: stdout has the verdict or the messages, and nothing else. */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { snowstorm } from '../../support/snowstorm-process.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const NODE = 'test/fixtures/library/prints.ts';
const store = temporaryFolder();

describe('a node that prints', () => {
  it('leaves stdout to the verdict, and is in the record', async () => {
    const args = [
      '-w',
      'echo',
      '--node',
      NODE,
      '--node-count',
      '1',
      '--time-limit',
      '1',
      '--store',
      store,
      '--seed',
      '1',
    ];
    const { status, stdout, stderr } = await snowstorm(['test', ...args]);
    expect({ status, stdout: /log of|stdout|table|prints/.test(stdout) }).toEqual({ status: 0, stdout: false });
    expect(stderr).toContain('prints while it is loaded\n');
    expect(stderr).not.toContain('log of');
    expect(stderr.match(/what the nodes print is in their logs/g)).toHaveLength(1);
    const log = readFileSync(join(store, 'latest/node-logs/n0.log'), 'utf8');
    expect(log).toMatch(/"level":"info","time":"[^"]+","node":"n0","message":"log of n0"/);
    for (const text of ['"stdout"', '"error"', 'table']) expect(log).toContain(text);
    expect((await snowstorm(['test', ...args, '--log-stderr'])).stderr).toContain('"message":"log of n0"');
  });

  it('as a process has only messages on stdout', () => {
    const lines = [
      '{"type":"init","msg_id":1,"node_id":"n0","node_ids":["n0"]}',
      '{"type":"echo","msg_id":2,"echo":1}',
    ];
    const input = lines.map((body) => `{"src":"c1","dest":"n0","body":${body}}\n`).join('');
    const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', NODE], { input, encoding: 'utf8' });
    const printed = stdout
      .trim()
      .split('\n')
      .filter((line) => !line.startsWith('{'));
    // What a module prints before it says that it is a node cannot be caught.
    expect(printed).toEqual(['prints while it is loaded']);
    expect(stdout).toContain('"type":"echo_ok"');
    for (const text of ['log of n0', 'stdout', 'error', 'table']) expect(stderr).toContain(text);
    expect(stderr.match(/prints: what it prints goes to stderr/g)).toHaveLength(1);
  });
});
