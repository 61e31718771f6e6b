/**
 * `maelstrom-node`: serves workloads on stdin and stdout, for Maelstrom and for `snowstorm test`.
 */

import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { FileReservation } from '../host/file-reservation.ts';
import { openNodeData } from '../host/node-data.ts';
import { CHALLENGE_VARIABLE, RUN_FOLDER_VARIABLE, WORKLOAD_VARIABLE } from '../host/node-environment.ts';
import { nameSourcesInStacks } from '../host/source-stacks.ts';
import { LINE_BYTES_MAX } from '../host/stdio/line-filter.ts';
import { openStdout } from '../host/stdio/line-output.ts';
import { serveStdio } from '../host/stdio/stdio-host.ts';
import { MAX_SKEW_MS_DEFAULT } from '../ids/anchored-clock.ts';
import { LEASE_MS_DEFAULT, STORED_WINDOW_MS_DEFAULT } from '../ids/fleet/leased-ids.ts';
import { StoreReservation } from '../ids/fleet/store-reservation.ts';
import { LEAD_MS_MAX_DEFAULT, WINDOW_MS_DEFAULT } from '../ids/id-generator.ts';
import { NODE_MAX } from '../ids/snowflake.ts';
import { STORE_PATIENCE_MS_MAX } from '../kv/timings.ts';
import { LOG_LEVELS, type LogLevel } from '../node/environment.ts';
import { IN_FLIGHT_MAX } from '../node/node.ts';
import type { Folder } from '../protocol/folder.ts';
import { GOSSIP_WAITS } from '../workloads/broadcast/spreading.ts';
import { SERVED_WORKLOADS, startWorkloads } from '../workloads/nodes.ts';
import type { NodePorts } from '../workloads/served-workload.ts';
import {
  describeOptions,
  type Option,
  type ParsedOptions,
  parseDurationMs,
  parseNumber,
  parseOneOf,
  parseOptions,
  parseWhole,
  switchOption,
  UsageError,
} from './options.ts';
import { patienceOption } from './patience-option.ts';
import { servedOption } from './served-option.ts';
import { VERSION } from './version.ts';

const EXIT_USAGE = 2;
const EXIT_START = 1;

/** Far more than any message needs, and less than V8's limit for a string. */
const LINE_BYTES_LIMIT = 256 * 1024 * 1024;

/** The value of `--state-dir` for the store. */
const STATE_IN_STORE = 'lin-kv';

/** Requests a second. A lower limit is a mistake, and no node can answer more than the upper one. */
const RATE_LIMIT_MIN = 0.001;
const RATE_LIMIT_MAX = 1e9;

/** Of Fly.io's two efficient broadcasts, the one that asks for fewer messages and bears longer latencies. */
const FRUGAL_CHALLENGE = '3e';

const OPTIONS = {
  workload: servedOption(SERVED_WORKLOADS, process.env[WORKLOAD_VARIABLE]),
  'node-id': {
    value: 'index|lease',
    text: `The source of this node's number in its ids. index: its place in node_ids. lease: leased in
lin-kv, for a fleet whose nodes come and go, up to ${NODE_MAX + 1} at once. Default: index.`,
    absent: 'index',
    parse: parseOneOf(['index', 'lease']),
  } satisfies Option<'index' | 'lease'>,
  lease: {
    value: 'TIME',
    text: `A number may be taken over if its holder has not renewed it for this time. Default: ${LEASE_MS_DEFAULT / 1000}s.`,
    absent: undefined,
    parse: (text: string): number | undefined => parseDurationMs(1)(text),
  } satisfies Option<number | undefined>,
  'state-dir': {
    value: `DIR|${STATE_IN_STORE}|none`,
    text: `Where a node keeps what must outlive it: a folder, the store lin-kv, or none. Ids reserve time
there, so that a restart never repeats an id. none: nowhere. Then a node must be one process, and
its clock must not be set back around a restart, or ids repeat. Leased numbers always use lin-kv.
Default: a folder in the system's temporary directory.
Workloads of Maelstrom's own keep their data in DIR, for one run only, or where Snowstorm's
harness says; elsewhere only in memory, so a restart loses it.`,
    absent: undefined,
    parse: (text: string): string | undefined => {
      if (text === '') throw new Error(`expected a folder, ${STATE_IN_STORE} or none`);
      return text;
    },
  } satisfies Option<string | undefined>,
  reserve: {
    value: 'TIME',
    text: `How much time ids reserve ahead. If the store is unavailable, ids go on for this time.
Default: ${WINDOW_MS_DEFAULT}ms, in a store ${STORED_WINDOW_MS_DEFAULT / 1000}s.`,
    absent: undefined,
    parse: (text: string): number | undefined => parseDurationMs(1)(text),
  } satisfies Option<number | undefined>,
  'max-lead': {
    value: 'TIME',
    text: `How far ids may run ahead of the clock. Beyond it requests get error 11. Default: ${LEAD_MS_MAX_DEFAULT / 1000}s.`,
    absent: LEAD_MS_MAX_DEFAULT,
    parse: parseDurationMs(1),
  } satisfies Option<number>,
  'max-skew': {
    value: 'TIME',
    text: `The largest clock error that is accepted. At a start the clock may be up to a year ahead of
the last life, since the node may have been down. Default: ${MAX_SKEW_MS_DEFAULT / 3_600_000}h.`,
    absent: MAX_SKEW_MS_DEFAULT,
    parse: parseDurationMs(1),
  } satisfies Option<number>,
  wallets: {
    value: 'own|accounts',
    text: `Where vouchers are credited. own: to wallets that only vouchers change. accounts: to the accounts
of transfers, so that users can pay with it. All nodes of a cluster must agree. Default: own.`,
    absent: 'own',
    parse: parseOneOf(['own', 'accounts']),
  } satisfies Option<'own' | 'accounts'>,
  via: {
    value: 'raft|lin-kv',
    text: `What serves the workload lin-kv. raft: the nodes together; each must keep its folder. lin-kv: the
service of that name, to which every request goes on. All nodes must agree. Default: raft.`,
    absent: 'raft',
    parse: parseOneOf(['raft', 'lin-kv']),
  } satisfies Option<'raft' | 'lin-kv'>,
  members: {
    value: 'fixed|registered',
    text: `How nodes find the vouchers and transfers that others left unfinished. fixed: the nodes know each
other, by node_ids. registered: each registers in lin-kv, under a new name in every life, so nodes
may come and go. All nodes must agree. Default: fixed.`,
    absent: 'fixed',
    parse: parseOneOf(['fixed', 'registered']),
  } satisfies Option<'fixed' | 'registered'>,
  gossip: {
    value: 'fast|frugal',
    text: `How long nodes of broadcast and g-set gather what they tell each other. fast: ${GOSSIP_WAITS.fast.hubMs} ms, at
the hub. frugal: ${GOSSIP_WAITS.frugal.leafMs} ms, and ${GOSSIP_WAITS.frugal.hubMs} ms at the hub, for fewer messages.
Default: fast; in Fly.io's challenge ${FRUGAL_CHALLENGE}: frugal.`,
    absent: process.env[CHALLENGE_VARIABLE] === FRUGAL_CHALLENGE ? 'frugal' : 'fast',
    parse: parseOneOf(['fast', 'frugal']),
  } satisfies Option<'fast' | 'frugal'>,
  'store-patience': patienceOption('lin-kv', STORE_PATIENCE_MS_MAX),
  'max-in-flight': {
    value: 'N',
    text: `How many requests may be in flight. One more gets error 11. Default: ${IN_FLIGHT_MAX}.`,
    absent: IN_FLIGHT_MAX,
    parse: parseWhole(1),
  } satisfies Option<number>,
  'rate-limit': {
    value: 'R',
    text: `How many requests a second a client may send. One more gets error 11. Other nodes, metrics and
health are not limited. Default: no limit.`,
    absent: undefined,
    parse: parseNumber(RATE_LIMIT_MIN, RATE_LIMIT_MAX),
  } satisfies Option<number | undefined>,
  'max-line-bytes': {
    value: 'N',
    text: `A longer line is refused. Default: ${LINE_BYTES_MAX}.`,
    absent: LINE_BYTES_MAX,
    parse: parseWhole(1024, LINE_BYTES_LIMIT),
  } satisfies Option<number>,
  'log-level': {
    value: 'LEVEL',
    text: `The lowest level that is logged to stderr: ${LOG_LEVELS.join(', ')}. Default: warn.`,
    absent: 'warn',
    parse: parseOneOf(LOG_LEVELS),
  } satisfies Option<LogLevel>,
  version: switchOption('Prints the version.'),
  help: switchOption('Prints this text.', 'h'),
};

function helpText(): string {
  return `Usage: maelstrom-node [options]

A node that speaks Maelstrom's protocol: one JSON message a line on stdin and stdout, logs on stderr.
It serves several workloads at once.

${describeOptions(OPTIONS)}

With Maelstrom:  maelstrom test -w unique-ids --bin bin/maelstrom-node --node-count 3
Without a JVM:   snowstorm test -w unique-ids --bin bin/maelstrom-node --node-count 3
`;
}

/** Named by the user's number, since users of containers may have no name. */
function defaultStateFolder(): string {
  return join(tmpdir(), `snowstorm-${process.getuid?.() ?? 'state'}`);
}

type NodeValues = ParsedOptions<typeof OPTIONS>['values'];

/**
 * Where ids get their numbers and keep their bounds. Throws a {@link UsageError} for options that cannot be combined.
 */
async function openPorts(values: NodeValues): Promise<Omit<NodePorts, 'patienceMs' | 'membership'>> {
  const leased = values['node-id'] === 'lease';
  const state = values['state-dir'];
  if (leased && state !== undefined && state !== STATE_IN_STORE)
    throw new UsageError(`--node-id lease keeps its state in ${STATE_IN_STORE}; leave out --state-dir ${state}`);
  if (!leased && values.lease !== undefined) throw new UsageError('--lease needs --node-id lease');
  const stored = leased || state === STATE_IN_STORE;
  const windowMs = values.reserve ?? (stored ? STORED_WINDOW_MS_DEFAULT : WINDOW_MS_DEFAULT);
  if (!stored && windowMs > values['max-lead'])
    throw new UsageError('--reserve must not be longer than --max-lead, or a restarted node could not serve at once');
  if (leased && windowMs < (values.lease ?? LEASE_MS_DEFAULT))
    throw new UsageError('--reserve must be at least as long as --lease, or ids would end before the lease');
  // Ids run ahead by at most one lead. The reservation runs ahead of them by another lead, or by a window.
  if (values['max-skew'] < values['max-lead'] + Math.max(values['max-lead'], windowMs)) {
    throw new UsageError(
      '--max-skew must be at least twice --max-lead, and at least --max-lead plus --reserve, or a restarted node would reject its own ids',
    );
  }
  const idLimits = { leadMsMax: values['max-lead'], maxSkewMs: values['max-skew'], windowMs };
  if (leased)
    return { openReservation: async () => undefined, idLimits, lease: { leaseMs: values.lease ?? LEASE_MS_DEFAULT } };
  if (state === 'none') return { openReservation: async () => undefined, idLimits };
  if (stored) return { openReservation: async (context, kv) => StoreReservation.ofPlace(context, kv), idLimits };
  // A named folder that cannot be used stops the start, and not only the first request for an id.
  if (state !== undefined) await FileReservation.open(resolve(state), 'start');
  return {
    openReservation: async ({ nodeId }) => FileReservation.open(resolve(state ?? defaultStateFolder()), nodeId),
    idLimits,
  };
}

/**
 * The folder of a node for data that must outlive it. The folder of ids will not do: it outlives the run, and the next
 * run would begin with the data of this one.
 */
async function openNodeFolder(state: string | undefined, nodeId: string): Promise<Folder | undefined> {
  const folder = state === STATE_IN_STORE || state === undefined ? process.env[RUN_FOLDER_VARIABLE] : resolve(state);
  if (state === 'none' || folder === undefined) return undefined;
  return openNodeData(folder, nodeId);
}

async function main(): Promise<number> {
  const { values, words, rest } = parseOptions(OPTIONS, process.argv.slice(2));
  const stray = words[0] ?? rest[0];
  if (stray !== undefined) throw new UsageError(`unexpected argument ${JSON.stringify(stray)}`);
  if (values.help || values.version) {
    process.stdout.write(values.help ? helpText() : `${VERSION}\n`);
    return 0;
  }
  const ports: NodePorts = {
    ...(await openPorts(values)),
    openFolder: ({ nodeId }) => openNodeFolder(values['state-dir'], nodeId),
    patienceMs: values['store-patience'],
    membership: values.members === 'fixed' ? 'fixed' : { kind: 'registered' },
    wallets: values.wallets,
    gossip: values.gossip,
    linKv: values.via === 'lin-kv' ? 'service' : 'raft',
  };
  return serveStdio({
    startHandlers: startWorkloads(ports, values.workload),
    input: process.stdin,
    output: openStdout(),
    logLevel: values['log-level'],
    inFlightMax: values['max-in-flight'],
    rateLimitPerSecond: values['rate-limit'],
    lineBytesMax: values['max-line-bytes'],
  });
}

nameSourcesInStacks(__filename);
main().then(
  (status) => process.exit(status),
  (error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    const hint = error instanceof UsageError ? '\nTry maelstrom-node --help' : '';
    process.stderr.write(`maelstrom-node: ${reason}${hint}\n`);
    process.exit(error instanceof UsageError ? EXIT_USAGE : EXIT_START);
  },
);
