/** `POST /rpc`: the messages of the wire reference over HTTP. */

import { describe, expect, it } from 'vitest';
import { problemOfError, STATUS_TITLES, statusOfError } from '../../src/api/problems.ts';
import { ERRORS } from '../../src/protocol/errors.ts';
import { HttpInstance } from '../support/http-instance.ts';

const served = await HttpInstance.start();
const rpc = (body: object | string, headers = { 'Content-Type': 'application/json' }) =>
  served.ask('POST', '/rpc', { body, headers });

describe('/rpc', () => {
  it('passes bodies in and out', async () => {
    expect((await rpc({ type: 'echo', echo: { any: ['JSON', 1.5, null, { deep: [1e21] }] } })).json).toEqual({
      type: 'echo_ok',
      echo: { any: ['JSON', 1.5, null, { deep: [1e21] }] },
    });
    expect((await rpc({ type: 'generate', count: 2 })).json).toEqual({
      type: 'generate_ok',
      ids: [expect.any(String), expect.any(String)],
    });
    const opened = await rpc({ type: 'account_open', account: 'ada', balance: 1000 });
    expect(opened).toMatchObject({ status: 200, json: { type: 'account_open_ok' } });
    expect((await rpc({ type: 'audit', accounts: ['ada'] })).json).toMatchObject({
      type: 'audit_ok',
      balances: [1000],
    });
    expect((await rpc({ type: 'health' })).json).toEqual({ type: 'health_ok', status: 'ok', troubles: {} });
    expect((await rpc({ type: 'metrics' })).json.requests.generate.ok).toBe(1);
  });

  it('ignores the message id of a client, and more fields, as the wire does', async () => {
    const { json } = await rpc({ type: 'echo', echo: 1, msg_id: 7, more: true });
    expect(json).toEqual({ type: 'echo_ok', echo: 1 });
  });

  it.each([
    [{ type: 'redeem', code: 'x', user: 'ada', request_id: 'r' }, 404, 20, 'there is no voucher x'],
    [{ type: 'account_open', account: 'ada', balance: 1 }, 409, 21, 'account ada was opened with another balance'],
    [{ type: 'nothing' }, 404, 10, 'body.type: nothing is not supported by this node'],
    [{ type: 'init', node_id: 'n', node_ids: ['n'] }, 404, 10, 'body.type: init is not supported by this node'],
    [{ type: 'redeem', code: 'x' }, 400, 12, 'body.user: is missing'],
    [{ type: 'echo', echo: 1, in_reply_to: 4 }, 400, 12, 'body.in_reply_to: a request has none'],
    [{ type: 7 }, 400, 12, 'body.type: expected the type of a message'],
    [{}, 400, 12, 'body.type: expected the type of a message'],
    ['', 400, 12, 'the body is not accepted as JSON: expected a value at the end'],
    ['[]', 400, 12, 'the body must be a JSON object'],
    ['{"type":"echo","type":"generate"}', 400, 12, 'the key "type" occurs twice'],
  ] as const)('answers %j with the error of the wire', async (body, status, code, text) => {
    const answer = await rpc(body);
    expect({ status: answer.status, ...answer.json }).toMatchObject({ status, type: 'error', code });
    expect(answer.json.text).toContain(text);
    expect(answer.headers['content-type']).toBe('application/json');
  });

  it('logs no refusal, which anybody can cause', async () => {
    await rpc({ type: 'nothing' });
    await rpc({ type: 'generate', count: -1 });
    expect(served.logged.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
  });
});

describe('errors of the node', () => {
  it.each(ERRORS.map((error) => [error.code, error] as const))('have a status: %d', (code, { definite, text }) => {
    const status = statusOfError(code);
    expect(STATUS_TITLES[status]).toBeDefined();
    // What may have happened is never the fault of the request.
    expect(status >= 500).toBe(!definite || code === 11 || code === 1);
    const problem = problemOfError({ code, text }, 'with the same request id');
    const doubts = problem.detail.includes('It may have happened: ask again with the same request id');
    expect(doubts).toBe(!definite);
    expect(problem.headers?.['Retry-After']).toBe(status === 503 ? '1' : undefined);
  });

  it('that are unknown may have happened', () => {
    expect(problemOfError({ code: 4711, text: 'odd' }, 'with the same request')).toMatchObject({
      status: 500,
      code: 'outcome_unknown',
      detail: 'odd. It may have happened: ask again with the same request to learn the outcome.',
    });
  });
});
