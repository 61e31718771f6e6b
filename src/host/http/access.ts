/**
 * Who asks, and whether they may. With keys, every request needs a valid token. The client is the token's subject, or
 * else the address; the rate limit counts by client. Wrong tokens count for the address, so guessing them is limited
 * too.
 */

import { createHash } from 'node:crypto';
import type { Problem } from '../../api/problems.ts';
import type { Scope } from '../../api/route.ts';
import { mayBePhoneNumber } from '../../api/routes/fields.ts';
import { RateLimit } from '../../node/rate-limit.ts';
import { BoundedMap } from '../../protocol/bounded-map.ts';
import type { Clock } from '../../protocol/clock.ts';
import type { PersonalHash } from '../../protocol/personal-hash.ts';
import { LEEWAY_S, type TokenClaims, type TokenRules, verifyToken } from './jwt.ts';

/** Verified tokens that are remembered: verifying one takes up to 0.14 ms. */
const TOKENS_MAX = 4096;
const BEARER = /^Bearer +([^\s]+)$/i;

export interface Caller {
  /** The name for the rate limit and the log. */
  readonly client: string;
  /** Undefined: no tokens are asked for, everything is allowed. */
  readonly scopes: ReadonlySet<string> | undefined;
}

export interface AccessOptions {
  /** Undefined: no token is needed. */
  readonly tokens: TokenRules | undefined;
  /** Requests a second of each client; undefined: no limit. */
  readonly ratePerSecond: number | undefined;
  readonly clock: Clock;
  readonly personal: PersonalHash;
  /** Whether subjects are the names of people. */
  readonly hashesSubjects: boolean;
}

export class Access {
  readonly #options: AccessOptions;
  readonly #rateLimit: RateLimit | undefined;
  /** By the hash of the token, so that no secret is kept. */
  readonly #known = new BoundedMap<string, TokenClaims>(TOKENS_MAX);

  constructor(options: AccessOptions) {
    this.#options = options;
    this.#rateLimit = options.ratePerSecond === undefined ? undefined : new RateLimit(options.ratePerSecond);
  }

  /** @param client what the address at the other end of the connection counts as, see `clientOf` */
  identify(authorization: string | undefined, client: string): Caller | Problem {
    const { tokens } = this.#options;
    if (tokens === undefined) return { client, scopes: undefined };
    if (authorization === undefined) return unauthorized('a bearer token is needed', undefined);
    const token = BEARER.exec(authorization)?.[1];
    const claims =
      token === undefined
        ? 'the header Authorization is not "Bearer", a space and a token'
        : this.#verify(token, tokens);
    if (typeof claims === 'string')
      return (
        this.limit(client) ??
        unauthorized(token === undefined ? claims : `the token is refused: ${claims}`, 'invalid_token')
      );
    const { subject, scopes } = claims;
    return { client: subject === undefined ? client : `sub:${this.#nameOf(subject)}`, scopes };
  }

  /** Takes a request from the client's rate; a problem if there is none left. */
  limit(client: string): Problem | undefined {
    const waitMs = this.#rateLimit?.take(client, this.#options.clock.monotonicMs()) ?? 0;
    if (waitMs === 0) return undefined;
    const rate = this.#options.ratePerSecond as number;
    const waitS = String(Math.ceil(waitMs / 1000));
    // As in the draft of the IETF, draft-ietf-httpapi-ratelimit-headers.
    const policy = rate >= 1 ? `"client";q=${Math.floor(rate)};w=1` : `"client";q=1;w=${Math.ceil(1 / rate)}`;
    return {
      status: 429,
      code: 'rate_limited',
      detail: `a client may send ${rate} requests/s; ask again in ${waitMs} ms`,
      headers: { 'Retry-After': waitS, 'RateLimit-Policy': policy, RateLimit: `"client";r=0;t=${waitS}` },
    };
  }

  #nameOf(subject: string): string {
    const { hashesSubjects, personal } = this.#options;
    return hashesSubjects || mayBePhoneNumber(subject) ? personal(subject) : subject;
  }

  #verify(token: string, rules: TokenRules): TokenClaims | string {
    const nowS = this.#options.clock.wallMs() / 1000;
    const hash = createHash('sha256').update(token).digest('base64');
    const known = this.#known.get(hash);
    // What else was checked does not change.
    if (known !== undefined) return nowS < known.expiresAtS + LEEWAY_S ? known : 'it has expired';
    const claims = verifyToken(token, rules, nowS);
    if (typeof claims !== 'string') this.#known.set(hash, claims);
    return claims;
  }
}

/** Undefined: allowed. */
export function findMissingScope({ scopes }: Caller, scope: Scope | undefined): Problem | undefined {
  if (scopes === undefined || scope === undefined || scopes.has(scope)) return undefined;
  return {
    status: 403,
    code: 'scope_missing',
    detail: `the token lacks the scope ${scope}`,
    headers: { 'WWW-Authenticate': `Bearer realm="snowstorm", error="insufficient_scope", scope="${scope}"` },
    members: { scope },
  };
}

function unauthorized(detail: string, error: string | undefined): Problem {
  const reason = error === undefined ? '' : `, error="${error}", error_description="${detail.replaceAll('"', "'")}"`;
  return {
    status: 401,
    code: 'unauthorized',
    detail,
    headers: { 'WWW-Authenticate': `Bearer realm="snowstorm"${reason}` },
  };
}
