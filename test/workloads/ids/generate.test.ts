import { describe, expect, it } from 'vitest';
import { decodeSnowflake } from '../../../src/ids/snowflake.ts';
import { decodeUuid } from '../../../src/ids/uuid.ts';
import { startIds } from '../../../src/workloads/ids/node.ts';
import { workloadPorts } from '../../support/memory-ports.ts';
import { TestNode } from '../../support/test-node.ts';

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
