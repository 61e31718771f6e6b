/** The table of what failures prove, row by row. */

import { describe, expect, it } from 'vitest';
import { classifyFailure, describeFailure, FAILURES, type Failure } from '../../../src/host/etcd/failures.ts';

const error = (status: number, code: number, text: string): Failure => ({ kind: 'error', status, code, text });

/** Failure, the row, whether it proves that nothing was done, what may help. */
const CASES: readonly (readonly [Failure, string, boolean, string])[] = [
  [{ kind: 'not-sent', reason: 'connect ECONNREFUSED', code: 'ECONNREFUSED' }, 'not sent', true, 'member'],
  [error(503, 14, 'etcdserver: no leader'), 'no leader', true, 'member'],
  [error(401, 16, 'etcdserver: invalid auth token'), 'bad token', true, 'token'],
  [error(400, 3, 'etcdserver: user name is empty'), 'outdated token', true, 'token'],
  [error(400, 3, 'etcdserver: revision of auth store is old'), 'outdated token', true, 'token'],
  [error(403, 7, 'etcdserver: permission denied'), 'not permitted', true, 'nothing'],
  [error(400, 3, 'etcdserver: request is too large'), 'malformed or too large', true, 'nothing'],
  [error(400, 3, 'etcdserver: duplicate key given in txn request'), 'malformed or too large', true, 'nothing'],
  [error(400, 3, 'etcdserver: too many operations in txn request'), 'malformed or too large', true, 'nothing'],
  [error(429, 8, 'grpc: received message larger than max (3 vs. 2)'), 'message too large', true, 'nothing'],
  [error(429, 8, 'etcdserver: mvcc: database space exceeded'), 'database space exceeded', false, 'nothing'],
  [error(429, 8, 'etcdserver: too many requests'), 'anything else', false, 'member'],
  [error(503, 14, 'etcdserver: request timed out'), 'anything else', false, 'member'],
  [
    error(503, 14, 'etcdserver: request timed out, possibly due to previous leader failure'),
    'anything else',
    false,
    'member',
  ],
  [error(503, 14, 'etcdserver: request timed out, no leader was there'), 'anything else', false, 'member'],
  [error(503, 14, 'all SubConns are in TransientFailure'), 'anything else', false, 'member'],
  [error(504, 4, 'context deadline exceeded'), 'anything else', false, 'member'],
  [error(500, 2, 'context deadline exceeded'), 'anything else', false, 'member'],
  [error(503, 14, 'etcdserver: rpc not supported for learner'), 'a learner', true, 'member'],
  [error(400, 9, 'etcdserver: rpc not supported for learner'), 'a learner', true, 'member'],
  [error(400, 11, 'etcdserver: mvcc: required revision has been compacted'), 'not as things are', false, 'nothing'],
  [error(412, 9, 'etcdserver: authentication is not enabled'), 'not as things are', false, 'nothing'],
  [{ kind: 'timeout', timeoutMs: 1000 }, 'anything else', false, 'member'],
  [{ kind: 'broken', reason: 'socket hang up', code: 'ECONNRESET' }, 'anything else', false, 'member'],
  [{ kind: 'broken', reason: 'connect ECONNREFUSED', code: 'ECONNREFUSED' }, 'anything else', false, 'member'],
  [{ kind: 'foreign', status: 502, text: '<html>Bad Gateway</html>' }, 'anything else', false, 'member'],
  [{ kind: 'foreign', status: 400, text: 'no JSON' }, 'anything else', false, 'member'],
];

describe('a failure', () => {
  it.each(CASES)('%j is taken for: %s', (failure, name, provesNotDone, remedy) => {
    expect(classifyFailure(failure)).toMatchObject({ name, provesNotDone, remedy });
  });

  it('is tested for every row of the table', () => {
    expect(new Set(CASES.map(([, name]) => name))).toEqual(new Set(FAILURES.map(({ name }) => name)));
  });

  it('that no row names proves nothing', () => {
    expect(FAILURES.at(-1)).toMatchObject({ name: 'anything else', provesNotDone: false });
  });

  it.each([
    [CASES[0]?.[0], 'connect ECONNREFUSED'],
    [{ kind: 'timeout', timeoutMs: 999.6 }, 'no answer within 1000 ms'],
    [error(503, 14, 'etcdserver: no leader'), 'etcdserver: no leader (HTTP 503, code 14)'],
    [{ kind: 'foreign', status: 404, text: 'Not Found\n' }, 'HTTP 404 with an answer that is not etcd\'s: "Not Found"'],
  ] as const)('%j is told in words', (failure, text) => {
    expect(describeFailure(failure as Failure)).toBe(text);
  });
});
