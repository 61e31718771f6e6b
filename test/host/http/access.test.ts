/** Who asks and how often, on a clock of the test's own. */

import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Access, findMissingScope } from '../../../src/host/http/access.ts';
import { readTokenKey } from '../../../src/host/http/jwt.ts';
import { createPersonalHash } from '../../../src/host/personal-hash.ts';

const SECRET = 'a secret that has thirty-two bytes or more';
const NOW_MS = 1_800_000_000_000;

class ManualTime {
  wall = NOW_MS;
  monotonic = 0;
  wallMs = () => this.wall;
  monotonicMs = () => this.monotonic;
}

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

function bearer(claims: object): string {
  const signed = `${encode({ alg: 'HS256' })}.${encode({ exp: NOW_MS / 1000 + 60, ...claims })}`;
  return `Bearer ${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

function access(ratePerSecond?: number, withTokens = true, hashesSubjects = false) {
  const clock = new ManualTime();
  const keys = [readTokenKey(Buffer.from(SECRET))];
  const tokens = withTokens ? { keys, audience: undefined, issuer: undefined } : undefined;
  return {
    access: new Access({ tokens, ratePerSecond, clock, personal: createPersonalHash('c2VjcmV0'), hashesSubjects }),
    clock,
  };
}

describe('the client', () => {
  it('is the hash of a subject that may be a phone number', () => {
    const { client } = access().access.identify(bearer({ sub: '+49301234567' }), '192.0.2.7') as { client: string };
    expect(client).toMatch(/^sub:p-[\w-]{22}$/);
    const { access: hashing } = access(undefined, true, true);
    expect(hashing.identify(bearer({ sub: 'shop' }), '192.0.2.7')).toMatchObject({
      client: expect.stringMatching(/^sub:p-[\w-]{22}$/),
    });
  });

  it('is the subject of a token, and the address without one', () => {
    const { access: guarded } = access();
    expect(guarded.identify(bearer({ sub: 'shop' }), '192.0.2.7')).toMatchObject({ client: 'sub:shop' });
    expect(guarded.identify(bearer({}), '192.0.2.7')).toMatchObject({ client: '192.0.2.7' });
    expect(access(undefined, false).access.identify(undefined, '192.0.2.7')).toEqual({
      client: '192.0.2.7',
      scopes: undefined,
    });
  });
});

describe('a token', () => {
  it.each([
    [undefined, 'a bearer token is needed', 'Bearer realm="snowstorm"'],
    ['Basic dXNlcjpwYXNz', 'the header Authorization is not', 'error="invalid_token"'],
    ['Bearer', 'the header Authorization is not', 'error="invalid_token"'],
    ['Bearer a b', 'the header Authorization is not', 'error="invalid_token"'],
    ['Bearer a.b.c', 'the token is refused: ', 'error="invalid_token"'],
  ])('%j gets 401 with a challenge', (header, detail, challenge) => {
    const refused = access().access.identify(header, '192.0.2.7');
    expect(refused).toMatchObject({ status: 401, code: 'unauthorized', detail: expect.stringContaining(detail) });
    expect('headers' in refused && refused.headers?.['WWW-Authenticate']).toContain(challenge);
    // A quote in the description would end it.
    expect('headers' in refused && refused.headers?.['WWW-Authenticate']).toMatch(/^Bearer(?: \w+="[^"]*",?)+$/);
  });

  it('expires, also one that is remembered', () => {
    const { access: guarded, clock } = access();
    const header = bearer({ sub: 'shop' });
    expect(guarded.identify(header, 'a')).toMatchObject({ client: 'sub:shop' });
    clock.wall += 89_000;
    expect(guarded.identify(header, 'a')).toMatchObject({ client: 'sub:shop' });
    clock.wall += 1000;
    expect(guarded.identify(header, 'a')).toMatchObject({ detail: 'the token is refused: it has expired' });
  });

  it('lacks a scope, which is named', () => {
    const { access: guarded } = access();
    const caller = guarded.identify(bearer({ scope: 'ids' }), 'a');
    if ('status' in caller) throw new Error(caller.detail);
    expect(findMissingScope(caller, 'ids')).toBeUndefined();
    expect(findMissingScope(caller, undefined)).toBeUndefined();
    expect(findMissingScope(caller, 'wallets')).toMatchObject({
      status: 403,
      detail: 'the token lacks the scope wallets',
      headers: { 'WWW-Authenticate': 'Bearer realm="snowstorm", error="insufficient_scope", scope="wallets"' },
    });
    expect(findMissingScope({ client: 'a', scopes: undefined }, 'wallets')).toBeUndefined();
  });
});

describe('the rate of a client', () => {
  it('is limited, with how long to wait', () => {
    const { access: limited, clock } = access(2);
    expect([limited.limit('a'), limited.limit('a')]).toEqual([undefined, undefined]);
    expect(limited.limit('a')).toMatchObject({
      status: 429,
      detail: 'a client may send 2 requests/s; ask again in 500 ms',
      headers: { 'Retry-After': '1', 'RateLimit-Policy': '"client";q=2;w=1', RateLimit: '"client";r=0;t=1' },
    });
    expect(limited.limit('b')).toBeUndefined();
    clock.monotonic += 500;
    expect(limited.limit('a')).toBeUndefined();
  });

  it('may be less than one a second', () => {
    const { access: limited } = access(0.1);
    limited.limit('a');
    expect(limited.limit('a')?.headers).toMatchObject({ 'Retry-After': '10', 'RateLimit-Policy': '"client";q=1;w=10' });
  });

  it('counts wrong tokens for the address, so that guessing is limited', () => {
    const { access: limited } = access(2);
    const statuses = Array.from({ length: 4 }, () => {
      const answer = limited.identify('Bearer a.b.c', '192.0.2.7');
      return 'status' in answer ? answer.status : 200;
    });
    expect(statuses).toEqual([401, 401, 429, 429]);
    expect(limited.identify(bearer({ sub: 'shop' }), '192.0.2.7')).toMatchObject({ client: 'sub:shop' });
  });

  it('is not limited by default', () => {
    const { access: free } = access();
    for (let round = 0; round < 1000; round++) expect(free.limit('a')).toBeUndefined();
  });
});
