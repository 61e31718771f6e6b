/**
 * The proof at the start that the store can be written and read: a key is created, read and removed again by
 * compare-and-set. For a reader it is read only. If it cannot be done, an error says what is wrong and what to do about
 * it.
 *
 * What may pass by itself (no connection, no leader, no answer in time) is tried again for a while: services and
 * members are often started together.
 */

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CallResult, Cluster, Request } from './cluster.ts';
import { describeFailure, type Failure } from './failures.ts';
import type { Gateway } from './gateway.ts';
import { readReads, readWrites, requestOfReads, txnOfWrites } from './messages.ts';
import { findWrongScheme } from './wrong-scheme.ts';

export interface ProofOptions {
  /** Beginning of a key that no text has. */
  readonly probe: Buffer;
  readonly prefix: string;
  readonly user: string | undefined;
  readonly timeoutMs: number;
  /** Whether nothing will be written. */
  readonly readsOnly?: boolean;
}

const PAUSE_MS = 100;
const ASK_TIMEOUT_MS = 1000;
const UNAVAILABLE = 14;
const OLDEST = '3.4';

/** Rejects with an Error for people. */
export async function prove(cluster: Cluster, options: ProofOptions): Promise<void> {
  const endMs = performance.now() + options.timeoutMs;
  for (;;) {
    const failed = await (options.readsOnly ? probeReading : probe)(cluster, options.probe);
    if (failed === undefined) return;
    const advice = await findAdvice(cluster, failed, options);
    if (advice !== undefined) throw new Error(`etcd: ${advice}`);
    if (performance.now() >= endMs) throw new Error(await describeOutage(cluster, failed, options));
    await sleep(PAUSE_MS);
  }
}

type Failed = Exclude<CallResult, { readonly kind: 'ok' }>;

/** Undefined: all went well. */
async function probe(cluster: Cluster, beginning: Buffer): Promise<Failed | undefined> {
  const key = Buffer.concat([beginning, Buffer.from(`probe ${randomUUID()}`)]);
  const create = { key, revision: null, value: Buffer.from('{}') };
  const created = await cluster.call(writeRequest(create));
  if (created.kind === 'failed') return created;
  const revision = readWrites([create], created.body)?.map((done) =>
    done.kind === 'done' ? done.revision : undefined,
  )[0];
  if (revision === undefined) return strange(created.body);
  const read = await cluster.call({ ...requestOfReads([key]), idempotent: true });
  if (read.kind === 'failed') return read;
  if (readReads([key], read.body)?.[0]?.mod_revision !== revision) return strange(read.body);
  const remove = { key, revision, value: undefined };
  const removed = await cluster.call(writeRequest(remove));
  if (removed.kind === 'failed') return removed;
  return readWrites([remove], removed.body)?.[0]?.kind === 'done' ? undefined : strange(removed.body);
}

async function probeReading(cluster: Cluster, key: Buffer): Promise<Failed | undefined> {
  const read = await cluster.call({ ...requestOfReads([key]), idempotent: true });
  return read.kind === 'failed' ? read : undefined;
}

function writeRequest(write: Parameters<typeof txnOfWrites>[0][number]): Request {
  return { path: '/v3/kv/txn', body: txnOfWrites([write]), idempotent: false };
}

function strange(body: unknown): Failed {
  const failure: Failure = { kind: 'foreign', status: 200, text: JSON.stringify(body) };
  return { kind: 'failed', notDone: false, failure, text: failure.text };
}

/** What to do about a failure that does not pass by itself; undefined: it may pass. */
async function findAdvice(cluster: Cluster, failed: Failed, options: ProofOptions): Promise<string | undefined> {
  const { failure, text } = failed;
  const { prefix, user } = options;
  const who = user === undefined ? 'a user' : `user ${user}`;
  const access = options.readsOnly ? 'read' : 'readwrite';
  // A load balancer says so while the members start.
  if (failure.kind === 'foreign' && failure.status >= 500) return undefined;
  if (failure.kind === 'foreign') return describeForeign(cluster, failure);
  for (const [pattern, advice] of ADVICE) if (pattern.test(text)) return `${text}: ${advice({ who, prefix, access })}`;
  const code = failure.kind === 'not-sent' || failure.kind === 'broken' ? (failure.code ?? '') : '';
  // Not where no program listens: that the port is free says nothing.
  for (const { url } of code === 'ECONNREFUSED' ? [] : cluster.gateways) {
    const wrong = await findWrongScheme(url, ASK_TIMEOUT_MS);
    if (wrong !== undefined) return `${text}: ${wrong}`;
  }
  const tlsAdvice = TLS_ADVICE.find(([pattern]) => pattern.test(code) || pattern.test(text));
  return tlsAdvice && `TLS: ${text}${code === '' ? '' : ` (${code})`}: ${tlsAdvice[1]}`;
}

interface Names {
  readonly who: string;
  readonly prefix: string;
  readonly access: 'read' | 'readwrite';
}

/** By the text of the failure: what does not pass by itself, and what helps. */
const ADVICE: readonly (readonly [RegExp, (names: Names) => string])[] = [
  [
    /database space exceeded/,
    () =>
      'the database is full. Compact the history, defragment every member and disarm the alarm: etcdctl compaction, ' +
      'etcdctl defrag, etcdctl alarm disarm; a larger --quota-backend-bytes gives more room',
  ],
  [
    /permission denied/,
    ({ who, prefix, access }) =>
      `${who} may not ${access === 'read' ? 'read' : 'read and write'} the keys below "${prefix}". Grant it: etcdctl ` +
      `role grant-permission ROLE --prefix=true ${access} ${prefix}`,
  ],
  [/authentication is not enabled/, () => 'the cluster has no users. Leave out the user, or enable authentication'],
  [/invalid user ID or password/, () => 'check the user and the password'],
  [/user name is empty|invalid auth token/, () => 'the cluster asks for a user and a password'],
];

/** By the code of the error, or its text. */
const TLS_ADVICE: readonly (readonly [RegExp, string])[] = [
  [/ALTNAME/, 'the certificate is for other names. Use one of them in the URL, or set the server name'],
  [/CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/, "the member's certificate is not valid now. Renew it, and check the clock"],
  [
    /SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|CERT_UNTRUSTED|CERT_SIGNATURE/,
    'the authority that signed the certificate is not trusted. Give its certificate (--etcd-ca)',
  ],
  [
    /ALERT_|alert (?:bad|unknown|certificate)|certificate required/i,
    'the member refuses our certificate. Give the client certificate and key that it asks for (cert, key)',
  ],
];

async function describeForeign(cluster: Cluster, { status, text }: { status: number; text: string }): Promise<string> {
  for (const gateway of cluster.gateways) {
    const version = await gateway.findVersion(ASK_TIMEOUT_MS);
    if (version === undefined) continue;
    if (isOlder(version, OLDEST))
      return `${gateway.url} is etcd ${version}, whose gateway is too old: etcd ${OLDEST} or newer is needed`;
    return (
      `${gateway.url} is etcd ${version}, but answers HTTP ${status} to /v3/kv/txn. Is it the port for its peers, or ` +
      'is the gateway off (--enable-grpc-gateway)?'
    );
  }
  const urls = cluster.gateways.map(({ url }) => url).join(', ');
  const said = text.trim().slice(0, 100);
  return `there is no etcd at ${urls}: the answer was HTTP ${status}, "${said}". Check the URL`;
}

function isOlder(version: string, oldest: string): boolean {
  const [[major = 0, minor = 0], [oldestMajor = 0, oldestMinor = 0]] = [version, oldest].map((text) =>
    text.split('.').map(Number),
  ) as [number[], number[]];
  return major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
}

/** What each member says, when none could do it in all the time. */
async function describeOutage(cluster: Cluster, failed: Failed, options: ProofOptions): Promise<string> {
  const body = JSON.stringify({ key: options.probe.toString('base64') });
  const reasons = cluster.gateways.map(async (gateway) => `${gateway.url}: ${await ask(gateway, body)}`);
  const each = (await Promise.all(reasons)).join('; ');
  return `etcd cannot be used: ${failed.text}. Members: ${each}. Check that a majority of them runs and can be reached`;
}

async function ask(gateway: Gateway, body: string): Promise<string> {
  const answer = await gateway.post('/v3/kv/range', body, undefined, ASK_TIMEOUT_MS);
  if (answer.kind === 'ok') return 'answers';
  return answer.failure.kind === 'error' && answer.failure.code !== UNAVAILABLE
    ? 'answers'
    : describeFailure(answer.failure);
}
