/** The folder of a node that keeps data in it: for one process at a time, and for one run. */

import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { NodeProcess, runNode, temporaryFolder } from '../support/node-process.ts';

const NODES = { node_id: 'n0', node_ids: ['n0'] };
const INIT = JSON.stringify({ src: 'c0', dest: 'n0', body: { type: 'init', msg_id: 1, ...NODES } });
const BROADCAST = JSON.stringify({ src: 'c1', dest: 'n0', body: { type: 'broadcast', msg_id: 2, message: 7 } });
const READ = JSON.stringify({ src: 'c1', dest: 'n0', body: { type: 'read', msg_id: 3 } });

const args = (folder: string) => ['--workload', 'broadcast', '--state-dir', folder];
const bodies = (stdout: string) => stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line).body]));

describe('the folder of a node', () => {
  it('belongs to one process: a second one ends and says which has it', async () => {
    const folder = temporaryFolder();
    const first = new NodeProcess(args(folder));
    first.send(INIT);
    await first.nextLine();
    const second = await runNode(`${INIT}\n`, args(folder));
    expect(second.status).not.toBe(0);
    const reason = `the folder is in use, by process ${first.child.pid}`;
    expect(second.stderr).toContain(reason);
    first.child.kill('SIGKILL');
    await first.ended;
    const third = await runNode([INIT, READ].join('\n'), args(folder));
    expect(bodies(third.stdout)).toMatchObject([{ type: 'init_ok' }, { type: 'read_ok' }]);
  });

  it('keeps the data over lives of one run, and refuses it in another', async () => {
    const folder = temporaryFolder();
    const of = (run: string) => ({ env: { ...process.env, SNOWSTORM_RUN_DIR: run } });
    await runNode([INIT, BROADCAST].join('\n'), args(folder), of('/runs/1'));
    const later = await runNode([INIT, READ].join('\n'), args(folder), of('/runs/1'));
    expect(bodies(later.stdout)[1]).toMatchObject({ messages: [7] });
    const other = await runNode([INIT, READ].join('\n'), args(folder), of('/runs/2'));
    expect(other.status).not.toBe(0);
    expect(other.stderr).toContain('holds the data of another run');
    expect(other.stderr).toContain('give another one');
    // Without a harness of ours there is no run to tell apart.
    expect(bodies((await runNode([INIT, READ].join('\n'), args(folder))).stdout)[1]).toMatchObject({ messages: [7] });
  });

  it.runIf(existsSync('/proc'))('is refused where none can be made, for instance in /proc', async () => {
    const { status, stderr } = await runNode(`${INIT}\n`, args('/proc/nothing'));
    expect(status).toBe(1);
    expect(stderr).toMatch(/^maelstrom-node: \/proc\/nothing: cannot make the folder: /);
  });
});
