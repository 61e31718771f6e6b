/** How long a real node of broadcast gathers: by its option, and by the challenge that the harness says it runs. */

import { expect, it } from 'vitest';
import { CHALLENGE_VARIABLE } from '../../src/host/node-environment.ts';
import { GOSSIP_WAITS } from '../../src/workloads/broadcast/spreading.ts';
import { NodeProcess } from '../support/node-process.ts';

const BROADCAST = '{"src":"c1","dest":"n0","body":{"type":"broadcast","message":7,"msg_id":2}}';
/** The acknowledgement may be read so late, ms, on a busy machine. */
const LATE_MS = 400;

/** How long it takes from the acknowledgement to the first message to another node, ms. */
async function waitOf(args: readonly string[], challenge: string): Promise<number> {
  const env = { ...process.env, [CHALLENGE_VARIABLE]: challenge };
  const node = await new NodeProcess(['--state-dir', 'none', '-w', 'broadcast', ...args], { env }).start();
  node.send(BROADCAST);
  expect(await node.nextBody()).toMatchObject({ type: 'broadcast_ok' });
  const begunMs = performance.now();
  expect(await node.nextBody()).toMatchObject({ type: 'spread', runs: [['n0', expect.any(Number), 0, [7]]] });
  const waitedMs = performance.now() - begunMs;
  node.child.stdin.end();
  expect((await node.ended).status).toBe(0);
  return waitedMs;
}

it('is short by default, and long in the challenge 3e, unless the option says otherwise', async () => {
  const [fast, frugal, frugalIn3e, fastIn3e] = await Promise.all([
    waitOf([], '3d'),
    waitOf(['--gossip', 'frugal'], ''),
    waitOf([], '3e'),
    waitOf(['--gossip', 'fast'], '3e'),
  ]);
  for (const wait of [frugal, frugalIn3e]) {
    expect(wait).toBeGreaterThan(GOSSIP_WAITS.frugal.hubMs - LATE_MS);
    for (const shorter of [fast, fastIn3e]) expect(shorter).toBeLessThan(wait);
  }
});
