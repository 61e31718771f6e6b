/**
 * JSON Web Tokens (RFC 7519) as bearer tokens (RFC 6750), after the advice of RFC 8725. Each key has one algorithm,
 * which follows from the key: HS256 for a secret, RS256, ES256 or EdDSA for a public key. The header of a token must
 * name the algorithm of the key that verifies it. So `none` and a public key taken for a secret are refused.
 */

import { createHmac, createPublicKey, type KeyObject, timingSafeEqual, verify } from 'node:crypto';

type Algorithm = 'HS256' | 'RS256' | 'ES256' | 'EdDSA';

export interface TokenKey {
  readonly algorithm: Algorithm;
  readonly isSigned: (signed: string, signature: Buffer) => boolean;
}

const SECRET_BYTES_MIN = 32;
const RSA_BITS_MIN = 2048;

/**
 * The key in a file. Throws an Error that says what is wrong with it.
 *
 * @param content a public key or certificate in PEM, or a secret; one line break at the end of a secret is left out
 */
export function readTokenKey(content: Buffer): TokenKey {
  const text = content.toString('latin1');
  if (!text.includes('-----BEGIN')) return secretKey(content.subarray(0, text.replace(/\r?\n$/, '').length));
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text))
    throw new Error('this is a private key; the server needs the public key only');
  let key: KeyObject;
  try {
    key = createPublicKey(content);
  } catch (error) {
    throw new Error(`this is no public key: ${(error as Error).message}`);
  }
  return publicKey(key);
}

function secretKey(secret: Buffer): TokenKey {
  if (secret.length < SECRET_BYTES_MIN)
    throw new Error(`a secret for HS256 has at least ${SECRET_BYTES_MIN} bytes, this one has ${secret.length}`);
  return {
    algorithm: 'HS256',
    isSigned: (signed, signature) => {
      const expected = createHmac('sha256', secret).update(signed).digest();
      return signature.length === expected.length && timingSafeEqual(signature, expected);
    },
  };
}

function publicKey(key: KeyObject): TokenKey {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details = {} } = key;
  if (type === 'rsa') {
    if ((details.modulusLength ?? 0) < RSA_BITS_MIN)
      throw new Error(`an RSA key has at least ${RSA_BITS_MIN} bits, this one has ${details.modulusLength}`);
    return {
      algorithm: 'RS256',
      isSigned: (signed, signature) => verify('sha256', Buffer.from(signed), key, signature),
    };
  }
  if (type === 'ec' && details.namedCurve === 'prime256v1') {
    const es256 = { key, dsaEncoding: 'ieee-p1363' } as const;
    return {
      algorithm: 'ES256',
      isSigned: (signed, signature) => verify('sha256', Buffer.from(signed), es256, signature),
    };
  }
  if (type === 'ed25519')
    return { algorithm: 'EdDSA', isSigned: (signed, signature) => verify(null, Buffer.from(signed), key, signature) };
  const curve = details.namedCurve === undefined ? '' : ` (${details.namedCurve})`;
  throw new Error(`a key of the type ${type}${curve} is not supported; expected RSA, EC on P-256, or Ed25519`);
}

export interface TokenClaims {
  readonly subject: string | undefined;
  readonly scopes: ReadonlySet<string>;
  /** s since 1970. */
  readonly expiresAtS: number;
}

export interface TokenRules {
  readonly keys: readonly TokenKey[];
  readonly audience: string | undefined;
  readonly issuer: string | undefined;
}

/** Clocks of issuer and server may differ by so much, s. */
export const LEEWAY_S = 30;

const PART = /^[A-Za-z0-9_-]+$/;

/**
 * The claims of a valid token, or why it is not valid.
 *
 * @param nowS s since 1970
 */
export function verifyToken(token: string, { keys, audience, issuer }: TokenRules, nowS: number): TokenClaims | string {
  const parts = token.split('.');
  const [head = '', payload = '', signatureText = ''] = parts;
  if (parts.length !== 3 || !PART.test(head) || !PART.test(payload)) return 'it is not a signed JSON Web Token';
  const header = decodePart(head);
  if (header === undefined) return 'its header is not a JSON object';
  if (header.crit !== undefined) return 'it has critical extensions, of which none is known here';
  const fitting = keys.filter(({ algorithm }) => algorithm === header.alg);
  if (fitting.length === 0) return 'its algorithm is not that of a key of this server';
  if (!PART.test(signatureText)) return 'its signature is missing or not base64url';
  const signature = Buffer.from(signatureText, 'base64url');
  if (!fitting.some(({ isSigned }) => isSigned(`${head}.${payload}`, signature))) return 'its signature is wrong';
  const claims = decodePart(payload);
  if (claims === undefined) return 'its claims are not a JSON object';
  return checkClaims(claims, audience, issuer, nowS);
}

function checkClaims(
  { exp, nbf, aud, iss, sub, scope = '' }: Readonly<Record<string, unknown>>,
  audience: string | undefined,
  issuer: string | undefined,
  nowS: number,
): TokenClaims | string {
  if (typeof exp !== 'number' || !Number.isFinite(exp)) return 'it has no time of expiry (exp)';
  if (nowS >= exp + LEEWAY_S) return 'it has expired';
  if (nbf !== undefined && !(typeof nbf === 'number' && nowS >= nbf - LEEWAY_S)) return 'it is not valid yet (nbf)';
  const audiences = Array.isArray(aud) ? aud : aud === undefined ? [] : [aud];
  if (audience === undefined && audiences.length > 0) return 'it is for an audience, and this server has no name (aud)';
  if (audience !== undefined && !audiences.includes(audience)) return 'it is for another audience (aud)';
  if (issuer !== undefined && iss !== issuer) return 'it is from another issuer (iss)';
  if (sub !== undefined && (typeof sub !== 'string' || sub === '')) return 'its subject is not a text (sub)';
  if (typeof scope !== 'string') return 'its scope is not a text';
  return { subject: sub, scopes: new Set(scope.split(' ').filter((word) => word !== '')), expiresAtS: exp };
}

function decodePart(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
