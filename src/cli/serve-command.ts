/**
 * `snowstorm serve`: the services over HTTP, until a signal ends them.
 */

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { auditDocuments, requireAuditKey } from '../audit/begin-chain.ts';
import { LATEST_KEY } from '../audit/records.ts';
import { requireRestored } from '../host/backup/restore-mark.ts';
import type { KeyRing } from '../host/encryption/key-ring.ts';
import { type AuditSettings, Instance } from '../host/http/instance.ts';
import { readTokenKey, type TokenRules } from '../host/http/jwt.ts';
import { HTTP_LIMITS } from '../host/http/limits.ts';
import { newInstanceId } from '../host/http/names.ts';
import { createPersonalHash, newPersonalSecret, readPersonalSecret } from '../host/personal-hash.ts';
import { createJsonLogger } from '../host/stdio/json-logger.ts';
import { createRandomUint32, systemClock } from '../host/system.ts';
import { STORED_WINDOW_MS_DEFAULT } from '../ids/fleet/leased-ids.ts';
import { AHEAD_MS_MAX } from '../ids/fleet/restored-numbers.ts';
import { HORIZON_KEY } from '../kv/horizon.ts';
import { agreeOnPersonalHash } from '../kv/personal-key.ts';
import type { StoreEngine } from '../kv/store.ts';
import type { PersonalHash } from '../protocol/personal-hash.ts';
import { startWorkloads } from '../workloads/nodes.ts';
import type { NodePorts } from '../workloads/served-workload.ts';
import { readChainHash } from './audit-options.ts';
import { readKeys, readKeysAgain, requireFolder } from './encryption-option.ts';
import { etcdSettings } from './etcd-options.ts';
import { readFile } from './option-file.ts';
import { describeOptions, type ParsedOptions, parseOptions, UsageError } from './options.ts';
import { SERVE_OPTIONS } from './serve-options.ts';
import type { StoreRules } from './store-option.ts';
import { VERSION } from './version.ts';

const EXIT_CRASH = 255;
/** An opening of the store that takes longer is told, ms. */
const SLOW_MS = 1000;
/** The name of the instance that has its store to itself. */
const ONLY_INSTANCE = 'i-only';

const HELP = `Usage: snowstorm serve [options]

Serves ids, vouchers, profiles and transfers over HTTP. The page at / lists the routes. Any number of instances may
share a store; they need not know of each other. It runs until SIGINT (Ctrl-C) or SIGTERM.

${describeOptions(SERVE_OPTIONS)}

Exit status: 0 ended by a signal, 254 bad arguments, or a port or store that cannot be had, 255 it failed itself.
`;

type ServeValues = ParsedOptions<typeof SERVE_OPTIONS>['values'];
type Retention = NonNullable<NodePorts['retention']>;

/** What a test may make different. */
export interface ServeRules extends StoreRules {
  /** In place of `--retain`: shorter than that option allows, or wrong. */
  readonly retention?: (engine: StoreEngine) => Retention;
  /** From the erasure of an account to the removal of its key, ms: shorter than is safe. */
  readonly erasureGraceMs?: number;
}

/**
 * Runs the command until a signal comes; resolves to the exit status.
 *
 * @param rules only tests have them
 */
export async function serveCommand(args: readonly string[], rules: ServeRules = {}): Promise<number> {
  const { values, words, rest } = parseOptions(SERVE_OPTIONS, args);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const [unexpected] = [...words, ...rest];
  if (unexpected !== undefined) throw new UsageError(`unexpected argument ${JSON.stringify(unexpected)}`);
  const tokens = tokenRules(values);
  const tls = tlsFiles(values);
  requireTimes(values);
  const secret = personalSecret(values);
  const audit = auditSettings(values);
  const keys = readKeys(values['encryption-key']);
  requireFolder(keys, values.store);
  const signals = new Signals(values['encryption-key']);
  const store = await Promise.race([signals.first, openStore(values, keys, signals, rules)]);
  if (typeof store === 'string') return 0;
  await requireWhole(values, store);
  const retention = rules.retention?.(store) ?? chosenRetention(values, store);
  if (retention === undefined) await requireNoHorizon(values, store);
  await requireAudit(values, store, audit);
  const personal = await personalHash(values, store, secret);
  const ended = await Promise.race([
    signals.first,
    start(values, store, { retention, tokens, tls, personal, erasureGraceMs: rules.erasureGraceMs, audit }, signals),
  ]);
  if (typeof ended === 'string') {
    // It had not started: nothing is in flight.
    await store.close();
    return 0;
  }
  say(`listening on ${ended.url}, store ${values.store.text}`);
  const reason = await Promise.race([signals.first, signals.crash]);
  signals.onSecond = () => ended.hurry();
  if (reason !== 'crash') say(`ending at ${reason}, within ${values.drain / 1000} s; again to end at once`);
  await ended.stop(reason, reason === 'crash' ? 0 : values.drain);
  return reason === 'crash' ? EXIT_CRASH : 0;
}

/** What ends the service: the first signal; a second one hurries. Or a crash of the node. SIGHUP changes its keys. */
class Signals {
  readonly first: Promise<NodeJS.Signals>;
  readonly crash: Promise<'crash'>;
  onSecond: () => void = () => {};
  onCrash: () => void = () => {};
  #hungUp = false;
  #onHangUp: (() => void) | undefined;

  /**
   * Listens from now on.
   *
   * @param keyFile undefined: SIGHUP ends the process
   */
  constructor(keyFile: string | undefined) {
    if (keyFile !== undefined)
      process.on('SIGHUP', () => {
        this.#hungUp = true;
        this.#onHangUp?.();
      });
    this.crash = new Promise((resolve) => {
      this.onCrash = () => resolve('crash');
    });
    this.first = new Promise((resolve) => {
      let came = false;
      const onSignal = (signal: NodeJS.Signals) => {
        if (came) this.onSecond();
        came = true;
        resolve(signal);
      };
      process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
    });
  }

  /** A SIGHUP that came already is made good now. */
  set onHangUp(action: () => void) {
    this.#onHangUp = action;
    if (this.#hungUp) action();
  }
}

function say(text: string): void {
  process.stderr.write(`snowstorm serve: ${text}\n`);
}

async function openStore(
  values: ServeValues,
  keys: KeyRing | undefined,
  signals: Signals,
  rules: StoreRules,
): Promise<StoreEngine> {
  const { store, 'encryption-key': file } = values;
  const etcd = etcdSettings(values, store);
  // A large log is read for seconds, and the lock of a holder that cannot be seen is waited for.
  const slow = setTimeout(() => say(`the store ${store.text} is still being opened`), SLOW_MS);
  try {
    const engine = await store.open({
      onFailure: (error) => {
        say(`the store failed: ${error.message}`);
        signals.onCrash();
      },
      warn: say,
      patienceMs: values['store-patience'],
      etcd,
      keys,
      followsKeys: true,
      rules,
    });
    // Before, the keys could not be compared with what they are for.
    if (keys !== undefined && file !== undefined) signals.onHangUp = () => changeKeys(keys, file);
    return rules.engine?.(engine) ?? engine;
  } catch (error) {
    throw new UsageError(`--store ${store.text}: ${(error as Error).message}`);
  } finally {
    clearTimeout(slow);
  }
}

/** A change of keys without an interruption. */
function changeKeys(keys: KeyRing, file: string): void {
  const change = async () => keys.replace(readKeysAgain(file));
  change().catch((error: Error) => say(`SIGHUP: ${error.message}. The keys stay as they were`));
}

/** Rejects with a {@link UsageError} if only a part of a backup was restored into the store. */
async function requireWhole({ store: { text } }: ServeValues, engine: StoreEngine): Promise<void> {
  try {
    await requireRestored(engine);
  } catch (error) {
    await engine.close();
    throw new UsageError(`--store ${text}: ${(error as Error).message}`);
  }
}

function chosenRetention({ retain: retainMs }: ServeValues, engine: StoreEngine): Retention | undefined {
  return retainMs === undefined ? undefined : { engine, retainMs };
}

/**
 * An instance that does not know the horizon would carry a late repeat out again. Rejects with a {@link UsageError} if
 * the store has one, or cannot tell.
 */
async function requireNoHorizon({ store: { text } }: ServeValues, engine: StoreEngine): Promise<void> {
  const read = await engine.read(HORIZON_KEY);
  if (read.kind === 'absent') return;
  await engine.close();
  if (read.kind === 'failed') throw new UsageError(`--store ${text}: ${read.error.message}`);
  throw new UsageError(
    `--store ${text}: it was served with --retain, so finished requests may have been removed, and without that option ` +
      'a late repeat of one would be carried out again. Give --retain with the time that was used, or a longer one',
  );
}

/** What is made of the options. */
interface Parts {
  readonly retention: Retention | undefined;
  readonly tokens: TokenRules | undefined;
  readonly tls: ReturnType<typeof tlsFiles>;
  readonly personal: PersonalHash;
  readonly erasureGraceMs: number | undefined;
  readonly audit: AuditSettings | undefined;
}

async function start(
  values: ServeValues,
  engine: StoreEngine,
  { retention, tokens, tls, personal, erasureGraceMs, audit }: Parts,
  signals: Signals,
): Promise<Instance> {
  const { listen, workload: workloads, 'log-level': level } = values;
  // Where there is only one instance at a time, the next life goes on with what this one left behind.
  const instanceId = values.store.isExclusive ? ONLY_INSTANCE : newInstanceId();
  const portsOn = (store: StoreEngine): NodePorts => ({
    ...nodePorts(values, store),
    retention,
    erasure: { engine: store, hash: personal, graceMs: erasureGraceMs },
  });
  try {
    return await Instance.start({
      ...listen,
      tls,
      engine,
      startHandlers: (store) => startWorkloads(portsOn(store), workloads),
      rpcs: [...new Set(workloads.flatMap(({ rpcs }) => rpcs))],
      limits: {
        ...HTTP_LIMITS,
        bodyBytesMax: values['max-body-bytes'],
        headersMs: values['header-timeout'],
        requestMs: values['request-timeout'],
        connectionsMax: values['max-connections'],
        inFlightMax: values['max-in-flight'],
      },
      tokens,
      personal,
      hashesSubjects: values['hash-subjects'],
      audit,
      ratePerSecond: values['rate-limit'],
      trustedProxies: values['trusted-proxies'],
      version: VERSION,
      instanceId,
      log: createJsonLogger({ level, nodeId: () => instanceId, write: (text) => process.stderr.write(text) }),
      logsRequests: level === 'debug' || level === 'info',
      onCrash: () => signals.onCrash(),
    });
  } catch (error) {
    await engine.close();
    throw startError(error as NodeJS.ErrnoException, listen);
  }
}

function nodePorts({ lease: leaseMs, ...values }: ServeValues, engine: StoreEngine): NodePorts {
  return {
    openStore: () => engine,
    openReservation: async () => undefined,
    idLimits: {
      leadMsMax: values['max-lead'],
      maxSkewMs: values['max-skew'],
      windowMs: Math.max(STORED_WINDOW_MS_DEFAULT, 2 * leaseMs),
    },
    lease: { leaseMs, aheadMsMax: AHEAD_MS_MAX },
    wallets: 'accounts',
    // Instances on one etcd were not told of each other.
    membership: values.store.isExclusive ? 'fixed' : { kind: 'registered' },
  };
}

function startError(error: NodeJS.ErrnoException, { text, host, port }: ServeValues['listen']): Error {
  if (error.code === 'EADDRINUSE') return new UsageError(`--listen ${text}: the port ${port} of ${host} is in use`);
  if (error.code === 'EACCES')
    return new UsageError(`--listen ${text}: this user has no permission to open the port ${port}`);
  if (error.syscall === 'listen' || error.syscall === 'getaddrinfo')
    return new UsageError(`--listen ${text}: ${error.message}`);
  return error;
}

function requireTimes(values: ServeValues): void {
  if (values['request-timeout'] < values['header-timeout'])
    throw new UsageError('--request-timeout must be at least as long as --header-timeout');
  if (values['max-skew'] < values['max-lead'] + Math.max(STORED_WINDOW_MS_DEFAULT, 2 * values.lease))
    throw new UsageError(
      '--max-skew must be longer than --max-lead and twice --lease together, or an instance would refuse its own ids',
    );
}

function personalSecret({ 'personal-key': file }: ServeValues): string | undefined {
  if (file === undefined) return undefined;
  const content = readFile('--personal-key', file);
  try {
    return readPersonalSecret(content);
  } catch (error) {
    throw new UsageError(`--personal-key ${file}: ${(error as Error).message}`);
  }
}

function auditSettings(values: ServeValues): AuditSettings | undefined {
  const { audit, 'audit-key': file, 'audit-retain': retainMs } = values;
  const without = file !== undefined ? '--audit-key' : retainMs !== undefined ? '--audit-retain' : undefined;
  if (!audit && without !== undefined) throw new UsageError(`${without} needs --audit`);
  return audit ? { hash: readChainHash(file), retainMs } : undefined;
}

/** All instances of a store audit, with one key, or none does. */
async function requireAudit(
  { store: { text }, 'audit-key': file }: ServeValues,
  kv: StoreEngine,
  audit: AuditSettings | undefined,
) {
  const fail = async (problem: string): Promise<never> => {
    await kv.close();
    throw new UsageError(problem);
  };
  if (audit === undefined) {
    const read = await kv.read(LATEST_KEY);
    if (read.kind === 'failed') await fail(`--store ${text}: ${read.error.message}`);
    if (read.kind === 'absent') return;
    await fail(
      `--store ${text}: it was served with --audit, and without it changes would be missing there. Give --audit`,
    );
  } else {
    const documents = auditDocuments({ kv, context: STORE_CONTEXT });
    const option = file === undefined ? `--store ${text}` : `--audit-key ${file}`;
    await requireAuditKey(documents, audit.hash).catch((error: Error) => fail(`${option}: ${error.message}`));
  }
}

/** For documents that are read before the node starts. */
const STORE_CONTEXT = {
  clock: systemClock,
  randomUint32: createRandomUint32(),
  sleep: (ms: number) => new Promise<true>((resolve) => setTimeout(resolve, ms, true)),
};

async function personalHash(values: ServeValues, kv: StoreEngine, secret: string | undefined): Promise<PersonalHash> {
  const { store, 'personal-key': file } = values;
  const context = STORE_CONTEXT;
  try {
    return await agreeOnPersonalHash({ kv, context, hashOf: createPersonalHash, secret, newSecret: newPersonalSecret });
  } catch (error) {
    await kv.close();
    const option = file === undefined ? `--store ${store.text}` : `--personal-key ${file}`;
    throw new UsageError(`${option}: ${(error as Error).message}`);
  }
}

function tokenRules(values: ServeValues): TokenRules | undefined {
  const { 'jwt-key': files, 'jwt-audience': audience, 'jwt-issuer': issuer } = values;
  if (files.length === 0) {
    const without = audience !== undefined ? '--jwt-audience' : issuer !== undefined ? '--jwt-issuer' : undefined;
    if (without !== undefined) throw new UsageError(`${without} needs --jwt-key`);
    return undefined;
  }
  const keys = files.map((file) => {
    const content = readFile('--jwt-key', file);
    try {
      return readTokenKey(content);
    } catch (error) {
      throw new UsageError(`--jwt-key ${file}: ${(error as Error).message}`);
    }
  });
  return { keys, audience, issuer };
}

function tlsFiles({ 'tls-cert': cert, 'tls-key': key }: ServeValues): { cert: Buffer; key: Buffer } | undefined {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined) throw new UsageError('--tls-key needs --tls-cert');
  if (key === undefined) throw new UsageError('--tls-cert needs --tls-key');
  const files = { cert: readFile('--tls-cert', cert), key: readFile('--tls-key', key) };
  try {
    createSecureContext(files);
    // A key of another kind goes unnoticed there.
    if (!new X509Certificate(files.cert).checkPrivateKey(createPrivateKey(files.key)))
      throw new Error('the key is not that of the certificate');
  } catch (error) {
    throw new UsageError(`--tls-cert ${cert} and --tls-key ${key} cannot be used: ${(error as Error).message}`);
  }
  return files;
}
