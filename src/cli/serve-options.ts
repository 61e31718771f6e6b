/** The options of `snowstorm serve`. */

import { HTTP_LIMITS } from '../host/http/limits.ts';
import { MAX_SKEW_MS_DEFAULT } from '../ids/anchored-clock.ts';
import { LEASE_MS_DEFAULT } from '../ids/fleet/leased-ids.ts';
import { LEAD_MS_MAX_DEFAULT } from '../ids/id-generator.ts';
import { RETAIN_MS_MIN } from '../kv/horizon.ts';
import { LOG_LEVELS, type LogLevel } from '../node/environment.ts';
import { SERVED_WORKLOADS } from '../workloads/nodes.ts';
import { AUDIT_KEY_OPTION } from './audit-options.ts';
import { ENCRYPTION_KEY_OPTION } from './encryption-option.ts';
import { ETCD_OPTIONS } from './etcd-options.ts';
import {
  type Option,
  parseDurationMs,
  parseNumber,
  parseOneOf,
  parseText,
  parseWhole,
  switchOption,
} from './options.ts';
import { patienceOption } from './patience-option.ts';
import { servedOption } from './served-option.ts';
import { storeOption } from './store-option.ts';

const PORT_DEFAULT = 8080;
const PORT_MAX = 65_535;
const HOST_DEFAULT = '127.0.0.1';
const DRAIN_MS_DEFAULT = 10_000;
/** A request is answered within 4 times as long. Longer than half a minute no client waits. */
const PATIENCE_MS_MAX = 5000;
const BODY_BYTES_MIN = 1024;
const BODY_BYTES_LIMIT = 64 * 2 ** 20;
const RATE_LIMIT_MIN = 0.001;
const RATE_LIMIT_MAX = 1e9;
const TRUSTED_PROXIES_MAX = 16;
const AUDIT_RETAIN_MS_MIN = 3_600_000;

export interface Listen {
  /** As the user wrote it. */
  readonly text: string;
  readonly host: string;
  readonly port: number;
}

/** `HOST:PORT`, an address of IPv6 in brackets. */
export function parseListen(text: string): Listen {
  const [, bracketed, plain, digits = ''] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(digits) > PORT_MAX)
    throw new Error(
      `expected HOST:PORT such as ${HOST_DEFAULT}:${PORT_DEFAULT} or [::1]:${PORT_DEFAULT}, with a port up to ${PORT_MAX}`,
    );
  return { text, host, port: Number(digits) };
}

export const SERVE_OPTIONS = {
  listen: {
    value: 'HOST:PORT',
    text: `Where it listens. Port 0: any free port. On another address than those of this machine
everybody who reaches it may use it, unless there is a --jwt-key. Default: ${HOST_DEFAULT}:${PORT_DEFAULT}.`,
    absent: parseListen(`${HOST_DEFAULT}:${PORT_DEFAULT}`),
    parse: parseListen,
  } satisfies Option<Listen>,
  store: storeOption,
  'encryption-key': {
    ...ENCRYPTION_KEY_OPTION,
    text: `${ENCRYPTION_KEY_OPTION.text} SIGHUP reads FILE again, and
writes everything anew with its first key.`,
  },
  ...ETCD_OPTIONS,
  workload: servedOption(SERVED_WORKLOADS.filter(({ whenAsked }) => !whenAsked)),
  'tls-cert': {
    value: 'FILE',
    text: 'The certificate in PEM, with those between it and the root. Then it speaks HTTPS only.',
    absent: undefined,
    parse: parseText('a file'),
  } satisfies Option<string | undefined>,
  'tls-key': {
    value: 'FILE',
    text: 'The private key of the certificate, in PEM.',
    absent: undefined,
    parse: parseText('a file'),
  } satisfies Option<string | undefined>,
  'jwt-key': {
    value: 'FILE,...',
    text: `Then every request needs a JSON Web Token signed with one of these keys. A secret of 32 bytes or
more: HS256. A public key in PEM: RS256, ES256 (P-256) or EdDSA (Ed25519), by its type.`,
    absent: [],
    parse: (text: string): readonly string[] => {
      const files = text.split(',');
      if (files.includes('')) throw new Error('expected files, with commas between them');
      return files;
    },
  } satisfies Option<readonly string[]>,
  'jwt-audience': {
    value: 'NAME',
    text: 'Tokens must be for this audience. Without it, tokens for an audience are refused.',
    absent: undefined,
    parse: parseText('a name'),
  } satisfies Option<string | undefined>,
  'jwt-issuer': {
    value: 'NAME',
    text: 'Tokens must be from this issuer.',
    absent: undefined,
    parse: parseText('a name'),
  } satisfies Option<string | undefined>,
  'personal-key': {
    value: 'FILE',
    text: `A secret of 32 bytes or more. Names and phone numbers are logged as hashes with this key, the
same in all instances of a store. It cannot be changed. Default: a random one that the store keeps.`,
    absent: undefined,
    parse: parseText('a file'),
  } satisfies Option<string | undefined>,
  'hash-subjects':
    switchOption(`The subjects of tokens are people: they are logged and audited as hashes, too. By default
only what may be a phone number is, or has a name of the request in it.`),
  audit: switchOption(`Records who changes money, vouchers or ids, before it is done. GET /audit shows it, and
snowstorm audit verify finds what was tampered with. It must not be left out later.`),
  'audit-key': AUDIT_KEY_OPTION,
  'audit-retain': {
    value: 'TIME',
    text: 'How long entries of the audit are kept, 1h or more, such as 400d. Default: for ever.',
    absent: undefined,
    parse: (text: string): number | undefined => parseDurationMs(AUDIT_RETAIN_MS_MIN)(text),
  } satisfies Option<number | undefined>,
  'rate-limit': {
    value: 'R',
    text: `How many requests a second a client may send: the subject of a token, else an address. One more
gets 429. Probes and metrics are not limited. Default: no limit.`,
    absent: undefined,
    parse: parseNumber(RATE_LIMIT_MIN, RATE_LIMIT_MAX),
  } satisfies Option<number | undefined>,
  'trusted-proxies': {
    value: 'N',
    text: `How many proxies in front of it append to X-Forwarded-For. The client's address is the one that the
first of them saw, the Nth from the end. A client that reaches it past them can name any address. Default: 0,
the header is not looked at.`,
    absent: 0,
    parse: parseWhole(0, TRUSTED_PROXIES_MAX),
  } satisfies Option<number>,
  'max-in-flight': {
    value: 'N',
    text: `How many requests may be in flight. One more gets 503. Default: ${HTTP_LIMITS.inFlightMax}.`,
    absent: HTTP_LIMITS.inFlightMax,
    parse: parseWhole(1),
  } satisfies Option<number>,
  'max-connections': {
    value: 'N',
    text: `How many connections may be open. One more is closed. Default: ${HTTP_LIMITS.connectionsMax}.`,
    absent: HTTP_LIMITS.connectionsMax,
    parse: parseWhole(1),
  } satisfies Option<number>,
  'max-body-bytes': {
    value: 'N',
    text: `A longer body gets 413. Default: ${HTTP_LIMITS.bodyBytesMax}.`,
    absent: HTTP_LIMITS.bodyBytesMax,
    parse: parseWhole(BODY_BYTES_MIN, BODY_BYTES_LIMIT),
  } satisfies Option<number>,
  'header-timeout': {
    value: 'TIME',
    text: `The headers of a request must be there within this time. Default: ${HTTP_LIMITS.headersMs / 1000}s.`,
    absent: HTTP_LIMITS.headersMs,
    parse: parseDurationMs(100),
  } satisfies Option<number>,
  'request-timeout': {
    value: 'TIME',
    text: `The whole request must be there within this time. Default: ${HTTP_LIMITS.requestMs / 1000}s.`,
    absent: HTTP_LIMITS.requestMs,
    parse: parseDurationMs(100),
  } satisfies Option<number>,
  'store-patience': patienceOption('the store', PATIENCE_MS_MAX),
  retain: {
    value: 'TIME',
    text: `How long finished transfers, assignments and the request ids of redemptions are kept. Older
requests are refused, so a request id must tell its time: a UUID of version 7, or a snowflake of
POST /guid/generate. All instances of a store need it, 1h or more, such as 30d; the shortest time
counts. It must not be left out later. Default: for ever, with any request id.`,
    absent: undefined,
    parse: (text: string): number | undefined => parseDurationMs(RETAIN_MS_MIN)(text),
  } satisfies Option<number | undefined>,
  lease: {
    value: 'TIME',
    text: `The node number in ids is leased in the store. It may be taken over if the instance has not renewed
it for this time. Default: ${LEASE_MS_DEFAULT / 1000}s.`,
    absent: LEASE_MS_DEFAULT,
    parse: parseDurationMs(1),
  } satisfies Option<number>,
  'max-lead': {
    value: 'TIME',
    text: `How far ids may run ahead of the clock. Beyond it requests get 503. Default: ${LEAD_MS_MAX_DEFAULT / 1000}s.`,
    absent: LEAD_MS_MAX_DEFAULT,
    parse: parseDurationMs(1),
  } satisfies Option<number>,
  'max-skew': {
    value: 'TIME',
    text: `The largest clock error that ids accept. Default: ${MAX_SKEW_MS_DEFAULT / 3_600_000}h.`,
    absent: MAX_SKEW_MS_DEFAULT,
    parse: parseDurationMs(1),
  } satisfies Option<number>,
  drain: {
    value: 'TIME',
    text: `How long requests in flight may take after SIGTERM or SIGINT. Default: ${DRAIN_MS_DEFAULT / 1000}s.`,
    absent: DRAIN_MS_DEFAULT,
    parse: parseDurationMs(0),
  } satisfies Option<number>,
  'log-level': {
    value: 'LEVEL',
    text: `The lowest level that is logged to stderr, a JSON object a line: ${LOG_LEVELS.join(', ')}.
info has a line for every request, warn only failures. Default: warn.`,
    absent: 'warn',
    parse: parseOneOf(LOG_LEVELS),
  } satisfies Option<LogLevel>,
  help: switchOption('Prints this text.', 'h'),
};
