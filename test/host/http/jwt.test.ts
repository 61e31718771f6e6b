/** Tokens: which are accepted, and every way in which one can be wrong. */

import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readTokenKey, type TokenKey, verifyToken } from '../../../src/host/http/jwt.ts';

const NOW_S = 1_800_000_000;
const SECRET = Buffer.from('a secret that has thirty-two bytes or more');

const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

const pairs = {
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
  EdDSA: generateKeyPairSync('ed25519'),
};
const pemOf = (key: KeyObject) => Buffer.from(key.export({ type: 'spki', format: 'pem' }));

type Sign = (signed: string) => Buffer;
const signers: Readonly<Record<string, Sign>> = {
  HS256: (signed) => createHmac('sha256', SECRET).update(signed).digest(),
  RS256: (signed) => sign('sha256', Buffer.from(signed), pairs.RS256.privateKey),
  ES256: (signed) => sign('sha256', Buffer.from(signed), { key: pairs.ES256.privateKey, dsaEncoding: 'ieee-p1363' }),
  EdDSA: (signed) => sign(null, Buffer.from(signed), pairs.EdDSA.privateKey),
};
const keys: Readonly<Record<string, TokenKey>> = {
  HS256: readTokenKey(SECRET),
  RS256: readTokenKey(pemOf(pairs.RS256.publicKey)),
  ES256: readTokenKey(pemOf(pairs.ES256.publicKey)),
  EdDSA: readTokenKey(pemOf(pairs.EdDSA.publicKey)),
};
const ALGORITHMS = Object.keys(keys);

const CLAIMS = { sub: 'shop', scope: 'ids vouchers', exp: NOW_S + 60 };

function token(algorithm: string, claims: unknown = CLAIMS, header: unknown = { alg: algorithm, typ: 'JWT' }): string {
  const signed = `${encode(header)}.${encode(claims)}`;
  return `${signed}.${(signers[algorithm] as Sign)(signed).toString('base64url')}`;
}

function check(
  text: string,
  { use = ALGORITHMS, audience, issuer }: { use?: string[]; audience?: string; issuer?: string } = {},
) {
  return verifyToken(text, { keys: use.map((name) => keys[name] as TokenKey), audience, issuer }, NOW_S);
}

describe.each(ALGORITHMS)('a token signed with %s', (algorithm) => {
  it('is accepted by its key', () => {
    expect(keys[algorithm]?.algorithm).toBe(algorithm);
    expect(check(token(algorithm), { use: [algorithm] })).toEqual({
      subject: 'shop',
      scopes: new Set(['ids', 'vouchers']),
      expiresAtS: NOW_S + 60,
    });
    expect(check(token(algorithm))).toMatchObject({ subject: 'shop' });
  });

  it('is refused by keys of other algorithms', () => {
    const others = ALGORITHMS.filter((other) => other !== algorithm);
    expect(check(token(algorithm), { use: others })).toBe('its algorithm is not that of a key of this server');
    for (const other of others)
      expect(check(token(algorithm, CLAIMS, { alg: other }), { use: others }), other).toBe('its signature is wrong');
  });

  it('is refused when one character of it is changed', () => {
    const text = token(algorithm);
    for (let at = 0; at < text.length; at += 7) {
      const changed = text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
      // The last character of base64url may have bits that do not count.
      if (
        Buffer.from(changed.split('.')[2] ?? '', 'base64url').equals(
          Buffer.from(text.split('.')[2] ?? '', 'base64url'),
        ) &&
        changed.startsWith(text.slice(0, text.lastIndexOf('.')))
      )
        continue;
      expect(typeof check(changed), changed).toBe('string');
    }
  });
});

describe('the header of a token decides nothing', () => {
  const [head, payload] = token('HS256').split('.');

  it.each([
    'none',
    'None',
    'NONE',
    'nOnE',
    'HS384',
    'HS512',
    'PS256',
    'ES384',
    'RS512',
    '',
    null,
    undefined,
    ['HS256'],
    5,
  ])('alg %j is refused', (alg) => {
    const unsigned = `${encode({ alg })}.${payload}.`;
    expect(check(unsigned)).toBe('its algorithm is not that of a key of this server');
    expect(check(token('HS256', CLAIMS, { alg }))).toBe('its algorithm is not that of a key of this server');
  });

  it('an EC key on another curve is named by its curve', () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    expect(() => readTokenKey(pemOf(publicKey))).toThrow(
      'a key of the type ec (secp384r1) is not supported; expected RSA, EC on P-256, or Ed25519',
    );
  });

  it('a public key is no secret', () => {
    const signed = `${encode({ alg: 'HS256' })}.${encode(CLAIMS)}`;
    const forged = createHmac('sha256', pemOf(pairs.RS256.publicKey)).update(signed).digest('base64url');
    expect(check(`${signed}.${forged}`, { use: ['RS256'] })).toBe('its algorithm is not that of a key of this server');
    expect(check(`${signed}.${forged}`)).toBe('its signature is wrong');
  });

  it.each([
    ['no signature', `${head}.${payload}`, 'it is not a signed JSON Web Token'],
    ['an empty signature', `${head}.${payload}.`, 'its signature is missing or not base64url'],
    ['four parts', `${head}.${payload}.a.b`, 'it is not a signed JSON Web Token'],
    ['five parts', 'a.b.c.d.e', 'it is not a signed JSON Web Token'],
    ['padding', `${head}=.${payload}.a`, 'it is not a signed JSON Web Token'],
    ['a header that is no JSON', `${encode('{')}.${payload}.a`, 'its header is not a JSON object'],
    ['a header that is a list', `${encode('[]')}.${payload}.a`, 'its header is not a JSON object'],
    ['nothing', '', 'it is not a signed JSON Web Token'],
    [
      'critical extensions',
      token('HS256', CLAIMS, { alg: 'HS256', crit: ['exp'] }),
      'it has critical extensions, of which none is known here',
    ],
    ['claims that are a list', token('HS256', []), 'its claims are not a JSON object'],
    ['claims that are no JSON', token('HS256', 'x'), 'its claims are not a JSON object'],
  ])('%s is refused', (_, text, reason) => {
    expect(check(text)).toBe(reason);
  });

  it('an ES256 signature in DER is refused', () => {
    const signed = `${encode({ alg: 'ES256' })}.${encode(CLAIMS)}`;
    const der = sign('sha256', Buffer.from(signed), pairs.ES256.privateKey);
    expect(check(`${signed}.${der.toString('base64url')}`)).toBe('its signature is wrong');
  });
});

describe('the claims of a token', () => {
  const claims = (more: object, rules = {}) => check(token('HS256', { ...CLAIMS, ...more }), rules);

  it.each([
    [{ exp: undefined }, 'it has no time of expiry (exp)'],
    [{ exp: '9999999999' }, 'it has no time of expiry (exp)'],
    [{ exp: NOW_S - 30 }, 'it has expired'],
    [{ exp: 0 }, 'it has expired'],
    [{ nbf: NOW_S + 31 }, 'it is not valid yet (nbf)'],
    [{ nbf: 'soon' }, 'it is not valid yet (nbf)'],
    [{ aud: 'other' }, 'it is for an audience, and this server has no name (aud)'],
    [{ sub: '' }, 'its subject is not a text (sub)'],
    [{ sub: 7 }, 'its subject is not a text (sub)'],
    [{ scope: ['ids'] }, 'its scope is not a text'],
  ])('%j are refused', (more, reason) => {
    expect(claims(more)).toBe(reason);
  });

  it('may be off by the leeway', () => {
    expect(claims({ exp: NOW_S - 29 })).toMatchObject({ subject: 'shop' });
    expect(claims({ nbf: NOW_S + 30 })).toMatchObject({ subject: 'shop' });
  });

  it('must have the audience and the issuer of the server', () => {
    const rules = { audience: 'me', issuer: 'them' };
    expect(claims({ aud: 'me', iss: 'them' }, rules)).toMatchObject({ subject: 'shop' });
    expect(claims({ aud: ['you', 'me'], iss: 'them' }, rules)).toMatchObject({ subject: 'shop' });
    expect(claims({ aud: ['you'], iss: 'them' }, rules)).toBe('it is for another audience (aud)');
    expect(claims({ iss: 'them' }, rules)).toBe('it is for another audience (aud)');
    expect(claims({ aud: 'me' }, rules)).toBe('it is from another issuer (iss)');
    expect(claims({ aud: 'me', iss: 'THEM' }, rules)).toBe('it is from another issuer (iss)');
  });

  it('need no subject and no scope', () => {
    expect(claims({ sub: undefined, scope: undefined })).toMatchObject({ subject: undefined, scopes: new Set() });
  });
});

describe('a key', () => {
  it.each(['\n', '\r\n'])('may have the line break %j after the secret', (lineBreak) => {
    const key = readTokenKey(Buffer.concat([SECRET, Buffer.from(lineBreak)]));
    expect(verifyToken(token('HS256'), { keys: [key], audience: undefined, issuer: undefined }, NOW_S)).toMatchObject({
      subject: 'shop',
    });
  });

  it.each([
    ['a short secret', Buffer.alloc(31), 'a secret for HS256 has at least 32 bytes, this one has 31'],
    ['a short secret with a line break', Buffer.from(`${'x'.repeat(31)}\n`), 'this one has 31'],
    [
      'a private key',
      Buffer.from(pairs.ES256.privateKey.export({ type: 'pkcs8', format: 'pem' })),
      'this is a private key; the server needs the public key only',
    ],
    [
      'a broken key',
      Buffer.from('-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n'),
      'this is no public key',
    ],
    [
      'a small RSA key',
      pemOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey),
      'an RSA key has at least 2048 bits, this one has 1024',
    ],
    ['another curve', pemOf(generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).publicKey), 'is not supported'],
    ['another kind', pemOf(generateKeyPairSync('x25519').publicKey), 'a key of the type x25519 is not supported'],
  ])('is refused: %s', (_, content, reason) => {
    expect(() => readTokenKey(content)).toThrow(reason);
  });
});
