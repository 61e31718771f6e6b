/** Replays a recording of the real Maelstrom: every byte of every answer must be one that the service here can give. */

import { describe, expect, it } from 'vitest';
import { LinKv } from '../../../src/harness/services/lin-kv.ts';
import { LwwKv } from '../../../src/harness/services/lww-kv.ts';
import { createServices, type Service } from '../../../src/harness/services/registry.ts';
import { SeqKv } from '../../../src/harness/services/seq-kv.ts';
import { SeededRandom } from '../../../src/protocol/random.ts';
import { explains, replyText } from './choices.ts';
import { recorded } from './transcript.ts';

describe('the recorded run', () => {
  it.each([
    ['lin-kv', 22, 20],
    ['seq-kv', 22, 20],
    ['lww-kv', 22, 20],
    ['lin-tso', 4, 3],
  ])('holds the exchanges with %s', (name, asked, answered) => {
    const exchanges = recorded(name);
    expect(exchanges).toHaveLength(asked);
    expect(exchanges.filter(({ reply }) => reply !== undefined)).toHaveLength(answered);
  });

  // With one client, which sees all that it wrote itself, seq-kv has no choice either.
  it.each(['lin-kv', 'lin-tso', 'seq-kv'])('is answered byte for byte by %s', (name) => {
    const service = createServices(new SeededRandom(1)).get(name) as Service;
    const exchanges = recorded(name);
    const replies = exchanges.map(({ source, body }) => replyText(service, source, body));
    expect(replies).toEqual(exchanges.map(({ reply }) => reply));
  });

  it.each([true, false])('is one that lww-kv can give (merges kept: %s)', (keepsMerges) => {
    expect(explains((random) => new LwwKv(random, { replicas: 2, keepsMerges }), recorded('lww-kv'))).toBe(true);
  });

  it('tells lww-kv from the consistent stores and from a single replica', () => {
    const exchanges = recorded('lww-kv');
    expect(explains(() => new LinKv(), exchanges)).toBe(false);
    expect(explains((random) => new SeqKv(random), exchanges)).toBe(false);
    expect(explains((random) => new LwwKv(random, { replicas: 1, keepsMerges: true }), exchanges)).toBe(false);
  });
});
