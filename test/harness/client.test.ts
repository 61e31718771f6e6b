/**
 * A client against a node that the test plays by hand, on virtual time.
 */

import { beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { CLIENT_TIMEOUT_MS, Client, type ClientResult, completeWith } from '../../src/harness/client.ts';
import { Network, type NetworkMessage } from '../../src/harness/network.ts';
import { judgeLine } from '../../src/harness/node-output.ts';
import { ERRORS } from '../../src/protocol/errors.ts';
import { parseExact, stringifyExact } from '../../src/protocol/exact-json.ts';
import { defineRpc } from '../../src/protocol/rpc.ts';
import { settle, VirtualTime } from '../support/virtual-time.ts';

const Read = defineRpc('read', 'Reads a key.', { key: z.string() }, { value: z.int(), note: z.string().optional() });

let time: VirtualTime;
let network: Network;
let client: Client;
let requests: NetworkMessage[];
let malformed: string[];

beforeEach(() => {
  time = new VirtualTime();
  network = new Network({ scheduler: time, drawLatencyMs: () => 0 });
  requests = [];
  malformed = [];
  network.addEndpoint('n0', (message) => requests.push(message));
  client = new Client({
    network,
    scheduler: time,
    nodeId: 'n0',
    onMalformed: ({ src, body }, text) => malformed.push(`${src} ${stringifyExact(body)}: ${text}`),
  });
});

/** The node prints a body for the client. */
function answer(body: Readonly<Record<string, unknown>>): void {
  network.send('n0', client.id, body);
}

/** Asks, lets the node print a body (or its JSON text), and returns the result; undefined if there is none yet. */
async function ask(reply: Readonly<Record<string, unknown>> | string): Promise<ClientResult | undefined> {
  let result: ClientResult | undefined;
  client.rpc(Read, { key: 'x' }).then((settled) => {
    result = settled;
  });
  if (typeof reply === 'string') {
    const judged = judgeLine('n0', `{"src": "n0", "dest": "c0", "body": ${reply}}`);
    if ('message' in judged) answer(judged.message.body);
  } else {
    answer(reply);
  }
  await settle();
  return result;
}

describe('what a client asks', () => {
  it('goes to its node, with message ids counted from 1', async () => {
    expect([client.id, client.nodeId]).toEqual(['c0', 'n0']);
    await ask({ type: 'read_ok', in_reply_to: 1, value: 1 });
    await ask({ type: 'read_ok', in_reply_to: 2, value: 1 });
    expect(requests).toEqual([
      { id: 0, src: 'c0', dest: 'n0', body: { type: 'read', key: 'x', msg_id: 1 } },
      { id: 2, src: 'c0', dest: 'n0', body: { type: 'read', key: 'x', msg_id: 2 } },
    ]);
  });

  it('is one thing at a time', async () => {
    const first = client.rpc(Read, { key: 'x' });
    expect(() => client.rpc(Read, { key: 'y' })).toThrow('client c0 can ask one thing at a time');
    answer({ type: 'read_ok', in_reply_to: 1, value: 1 });
    expect(await first).toMatchObject({ kind: 'ok' });
    expect(requests).toHaveLength(1);
  });

  it('ends as a timeout when its node does not exist', async () => {
    network.removeEndpoint('n0');
    const result = client.rpc(Read, { key: 'x' });
    await time.advance(CLIENT_TIMEOUT_MS);
    expect(await result).toEqual({ kind: 'timeout' });
  });
});

describe('an answer', () => {
  it('is passed on whole when it is as declared', async () => {
    const body = { type: 'read_ok', in_reply_to: 1, value: 7, note: 'n', msg_id: 3 };
    expect(await ask(body)).toEqual({ kind: 'ok', body });
    expect(malformed).toEqual([]);
    expect(time.timerCount).toBe(0);
  });

  it.each([
    [{ type: 'read_ok', value: 'seven' }, 'value: expected number, received string'],
    [{ type: 'read_ok', value: 1.5 }, 'value: expected int, received number'],
    [{ type: 'read_ok' }, 'value: is missing'],
    [{ type: 'read_ok', value: 7, extra: null }, 'extra: a field that read_ok does not have'],
    [{ type: 'read_ok', value: 7, msg_id: 'one' }, 'msg_id: expected an integer'],
    [{ type: 'write_ok', value: 7 }, 'type: expected read_ok, received "write_ok"'],
    [{ value: 7 }, 'type: expected read_ok, received undefined'],
  ])('that is %j is malformed, and the node is reported', async (reply, text) => {
    const body = { ...reply, in_reply_to: 1 };
    expect(await ask(body)).toEqual({ kind: 'malformed', text });
    expect(malformed).toEqual([`n0 ${JSON.stringify(body)}: ${text}`]);
    expect(time.timerCount).toBe(0);
  });

  it('may have a msg_id beyond 2^53, as one to the real harness may', async () => {
    const result = await ask('{"type": "read_ok", "in_reply_to": 1, "value": 7, "msg_id": 595172839467794432}');
    expect(result).toMatchObject({ kind: 'ok' });
  });

  it.each(['null', '"1"', '0', '3', '1.5', '1.0', '[1]'])(
    'to something else (in_reply_to %s) is passed over',
    async (inReplyTo) => {
      expect(await ask(`{"type": "read_ok", "in_reply_to": ${inReplyTo}, "value": 7}`)).toBeUndefined();
      expect(malformed).toEqual([]);
      await time.advance(CLIENT_TIMEOUT_MS);
      expect(await ask({ type: 'read_ok', in_reply_to: 2, value: 8 })).toMatchObject({
        kind: 'ok',
        body: { value: 8 },
      });
    },
  );

  it('without in_reply_to is ignored', async () => {
    expect(await ask({ type: 'read_ok', value: 7 })).toBeUndefined();
    expect(malformed).toEqual([]);
  });

  it('that comes twice counts once', async () => {
    const reply = { type: 'read_ok', in_reply_to: 1, value: 7 };
    expect(await ask(reply)).toEqual({ kind: 'ok', body: reply });
    answer({ ...reply, value: 'malformed' });
    expect(await ask({ type: 'read_ok', in_reply_to: 2, value: 8 })).toMatchObject({ kind: 'ok', body: { value: 8 } });
    expect(malformed).toEqual([]);
  });

  it('that comes late is not taken for the answer to the next request', async () => {
    const first = client.rpc(Read, { key: 'x' });
    await time.advance(CLIENT_TIMEOUT_MS);
    expect(await first).toEqual({ kind: 'timeout' });
    const second = client.rpc(Read, { key: 'y' });
    answer({ type: 'read_ok', in_reply_to: 1, value: 7 });
    answer({ type: 'read_ok', in_reply_to: 2, value: 8 });
    expect(await second).toMatchObject({ kind: 'ok', body: { value: 8 } });
  });
});

describe('the wait for an answer', () => {
  it('ends after 5000 ms and not before', async () => {
    let result: ClientResult | undefined;
    client.rpc(Read, { key: 'x' }).then((settled) => {
      result = settled;
    });
    await time.advance(4999);
    expect(result).toBeUndefined();
    await time.advance(1);
    expect(result).toEqual({ kind: 'timeout' });
    expect(time.timerCount).toBe(0);
  });

  it('takes the timeout of the caller', async () => {
    const result = client.rpc(Read, { key: 'x' }, 20);
    await time.advance(20);
    expect(await result).toEqual({ kind: 'timeout' });
  });

  it('ends when the client is closed, and leaves no timer', async () => {
    const result = client.rpc(Read, { key: 'x' });
    client.close();
    client.close();
    expect(await result).toEqual({ kind: 'timeout' });
    expect(network.has('c0')).toBe(false);
    expect(time.timerCount).toBe(0);
  });

  it('does not begin for a closed client: it sends nothing', async () => {
    client.close();
    expect(await client.rpc(Read, { key: 'x' })).toEqual({ kind: 'timeout' });
    expect(requests).toEqual([]);
    expect(time.timerCount).toBe(0);
  });
});

describe('an error', () => {
  it.each(ERRORS)('$code is $name, definite: $definite', async ({ code, name, definite }) => {
    expect(await ask({ type: 'error', in_reply_to: 1, code, text: 'no' })).toEqual({
      kind: 'error',
      name,
      code,
      text: 'no',
      definite,
    });
  });

  it.each([
    '1000',
    '2',
    '-1',
    '1.5',
    '11.0',
    '"11"',
    '"abort"',
    'null',
    '[11]',
    '{"code": 11}',
    'true',
    '1e999',
    '99999999999999999999',
  ])('of the unknown code %s is indefinite', async (code) => {
    expect(await ask(`{"type": "error", "in_reply_to": 1, "code": ${code}, "text": "no"}`)).toEqual({
      kind: 'error',
      name: 'unknown',
      code: parseExact(code),
      text: 'no',
      definite: false,
    });
  });

  it.each([['"11"'], ['null'], ['11.0'], ['1.5'], ['{"code":11}']])(
    'whose code is %s is a breach of the protocol',
    async (code) => {
      await ask(`{"type": "error", "in_reply_to": 1, "code": ${code}}`);
      const body = `{"type":"error","in_reply_to":1,"code":${code}}`;
      expect(malformed).toEqual([`n0 ${body}: an error with the code ${code}: body.code must be an integer`]);
    },
  );

  it.each(['11', '1234', '-1', '99999999999999999999'])('whose code is %s is none', async (code) => {
    await ask(`{"type": "error", "in_reply_to": 1, "code": ${code}}`);
    expect(malformed).toEqual([]);
  });

  it('may lack a text, and have fields of its own', async () => {
    expect(await ask({ type: 'error', in_reply_to: 1, code: 13, stack: [] })).toMatchObject({ text: undefined });
    expect(malformed).toEqual([]);
  });

  it('must not lack a code', async () => {
    const body = { type: 'error', in_reply_to: 1, text: 'no' };
    expect(await ask(body)).toEqual({ kind: 'error', name: 'unknown', code: undefined, text: 'no', definite: false });
    expect(malformed).toEqual([`n0 ${JSON.stringify(body)}: an error without a code: body.code must be an integer`]);
  });
});

describe('an operation', () => {
  const valueFrom = (body: Readonly<Record<string, unknown>>) => body.value;

  it.each<{ how: string; result: ClientResult; completion: object }>([
    {
      how: 'is ok, with the value of the reply, when it was answered',
      result: { kind: 'ok', body: { type: 'read_ok', value: 7 } },
      completion: { type: 'ok', value: 7 },
    },
    {
      how: 'fails for a definite error',
      result: { kind: 'error', name: 'abort', code: 14, text: 'no', definite: true },
      completion: { type: 'fail', value: 'asked', error: ['abort', 'no'] },
    },
    {
      how: 'is info for an indefinite error',
      result: { kind: 'error', name: 'crash', code: 13, text: undefined, definite: false },
      completion: { type: 'info', value: 'asked', error: ['crash', undefined] },
    },
    {
      how: 'is info with the code for an error that is not in the table',
      result: { kind: 'error', name: 'unknown', code: 1234, text: 'no', definite: false },
      completion: { type: 'info', value: 'asked', error: ['unknown', 'no', 1234] },
    },
    {
      how: 'is info after a timeout',
      result: { kind: 'timeout' },
      completion: { type: 'info', value: 'asked', error: 'net-timeout' },
    },
    {
      how: 'is info after a malformed answer',
      result: { kind: 'malformed', text: 'value: is missing' },
      completion: { type: 'info', value: 'asked', error: ['malformed-reply', 'value: is missing'] },
    },
  ])('$how', ({ result, completion }) => {
    expect(completeWith(result, 'asked', valueFrom)).toEqual(completion);
  });
});
