import { describe, expect, it } from 'vitest';
import { decodeSnowflake } from '../../../src/ids/snowflake.ts';
import { decodeUuid } from '../../../src/ids/uuid.ts';
import { startIds } from '../../../src/workloads/ids/node.ts';
import { workloadPorts } from '../../support/memory-ports.ts';
import { TestNode } from '../../support/test-node.ts';
import { settle } from '../../support/virtual-time.ts';

const ready = () => new TestNode((context) => startIds(context, workloadPorts(context))).init();

async function ask(fields: object) {
  const node = await ready();
  node.receive({ type: 'generate', msg_id: 1, ...fields });
  expect(node.bodies).toHaveLength(1);
  return node.bodies[0];
}

describe('generate', () => {
  it('answers with exactly one id', async () => {
    const body = await ask({});
    expect(body).toEqual({ type: 'generate_ok', in_reply_to: 1, id: expect.stringMatching(/^\d+$/) });
    expect(decodeSnowflake(body.id).node).toBe(0);
  });

  it('answers with a UUID when asked for that kind', async () => {
    const { id } = await ask({ kind: 'uuid' });
    expect(decodeUuid(id)).toMatchObject({ node: 0, sequence: 0 });
  });

  it.each([
    ['snowflake', 1],
    ['snowflake', 10_000],
    ['uuid', 3],
  ] as const)('answers with ids of kind %s, %i of them, and no id', async (kind, count) => {
    const body = await ask({ kind, count });
    expect(Object.keys(body)).toEqual(['type', 'in_reply_to', 'ids']);
    const decode = kind === 'uuid' ? decodeUuid : decodeSnowflake;
    const sequences = body.ids.map((id: string) => decode(id).sequence);
    expect(sequences).toEqual(Array.from({ length: count }, (_, index) => index % 4096));
  });

  it.each([
    ['one id', {}, 'id', 1],
    ['a UUID', { kind: 'uuid' }, 'id', 1],
    ['a batch', { count: 2 }, 'ids', 2],
    ['a batch of UUIDs', { count: 2, kind: 'uuid' }, 'ids', 2],
  ])('answers once timestamps are reserved if none are left: %s', async (_, fields, name, count) => {
    const node = await new TestNode((context) => {
      const ports = workloadPorts(context);
      return startIds(context, { ...ports, idLimits: { windowMs: 10 } });
    }).init();
    await node.time.advance(1000);
    node.receive({ type: 'generate', msg_id: 1, ...fields });
    expect(node.bodies).toEqual([]);
    await settle();
    expect(node.bodies).toHaveLength(1);
    const { [name]: made, ...rest } = node.bodies[0];
    expect(rest).toEqual({ type: 'generate_ok', in_reply_to: 1 });
    const ids = [made].flat();
    expect(ids).toHaveLength(count);
    const decode = 'kind' in fields ? decodeUuid : decodeSnowflake;
    for (const [sequence, id] of ids.entries())
      expect(decode(id)).toMatchObject({ timestampMs: 1_800_000_001_000, sequence });
  });

  it.each([
    [{ count: 0 }, 'body.count'],
    [{ count: -1 }, 'body.count'],
    [{ count: 1.5 }, 'body.count'],
    [{ count: 10_001 }, 'body.count'],
    [{ count: '3' }, 'body.count'],
    [{ count: null }, 'body.count'],
    [{ kind: 'ulid' }, 'body.kind'],
    [{ kind: 7, count: 3 }, 'body.kind'],
  ])('refuses %j with 12 and the name of the field', async (fields, field) => {
    expect(await ask(fields)).toMatchObject({ code: 12, text: expect.stringContaining(`${field}: `) });
  });
});
