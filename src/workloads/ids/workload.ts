/**
 * The test of the id service. It mixes everything that the service does, so that ids of both kinds, single and in
 * batches, generated and assigned, and readers of the feeds of assignments occur in one run. `status` asks about ids of
 * the same run. Which one is decided when the request is sent, so an operation means the same in a replay without some
 * of the others.
 */

import * as z from 'zod';
import type { CountWork } from '../../checkers/activity.ts';
import { answerIn, type Client, type Completion, completeWith } from '../../harness/client.ts';
import { WeightedChoice } from '../../harness/drawing.ts';
import { type Invocation, nameIn, operationIn, type WorkloadTest } from '../../harness/workload-test.ts';
import type { History } from '../../history/history.ts';
import type { AssignmentLimits } from '../../ids/fleet/assignments.ts';
import type { SeededRandom } from '../../protocol/random.ts';
import { defineRpc } from '../../protocol/rpc.ts';
import { RATE_LIMITS, REQUESTS } from '../../simulator/node-limits.ts';
import type { Workload } from '../workload.ts';
import { BAD_IDS } from './bad-ids.ts';
import { idsChecker } from './checker/ids-checker.ts';
import {
  askForFeed,
  commit,
  consume,
  drawCommit,
  drawConsume,
  drawFeed,
  KnownCursors,
  lastFeedRequests,
} from './feed-operations.ts';
import { COUNT_MAX, Generate, GuidAssign, GuidStatus, IdKind } from './messages.ts';
import { idsNode } from './node.ts';

/*
 * What a client accepts from any node. The protocol decides which fields there are. The checker judges their values,
 * because it says what is wrong with them. One id comes as `id`, a batch as `ids`.
 */
const GenerateOne = defineRpc('generate', Generate.text, { kind: IdKind.exactOptional() }, { id: z.unknown() });
const GenerateBatch = defineRpc(
  'generate',
  Generate.text,
  { count: z.int(), kind: IdKind.exactOptional() },
  { ids: z.array(z.unknown()) },
);
const StatusAny = defineRpc(
  'guid_status',
  GuidStatus.text,
  { id: z.string() },
  {
    kind: z.unknown(),
    timestamp: z.unknown(),
    node: z.unknown(),
    sequence: z.unknown(),
    assignment: z.unknown().exactOptional(),
  },
);
const StatusOfAnything = defineRpc(
  'guid_status',
  GuidStatus.text,
  { id: z.unknown().exactOptional() },
  {},
  { closed: false },
);
const AssignAny = defineRpc(
  'guid_assign',
  GuidAssign.text,
  { service: z.string(), key: z.string() },
  { id: z.unknown() },
);

const BAD_ID_NAMES = [...BAD_IDS.keys()];

const SERVICES = ['payment', 'booking'];
/**
 * Keys that many clients ask for: one id for one key is easy without contention. The probes ask for the first ones, so
 * some keys are known to both. New keys come after a number of draws. Otherwise everything would be assigned in the
 * first seconds.
 */
const HOT_KEY = /(?:^|-)hot-\d+$/;
const HOT_KEY_COUNT = 2;
const DRAWS_PER_HOT_KEYS = 24;
/** One draw in so many may choose any hot key so far. */
const OLD_HOT_KEY_INTERVAL = 6;
/** The last invocations ask for so many hot keys of the run, the newest ones. */
const LAST_PAIRS_MAX = 16;

interface Pair {
  readonly service: string;
  readonly key: string;
}

const SMALL_COUNT_MAX = 20;
const LARGE_COUNT = 1000;
/** More ids than a millisecond has, so that the next one is borrowed. */
const BORROWING_COUNT_MIN = 4097;

/** Any number: it is taken modulo the number of known ids. */
const CHOICES = 1 << 16;

/** The keys of one generator. */
class Keys {
  readonly #random: SeededRandom;
  readonly #names: string;
  /** Unique among the generators. */
  readonly #prefix: string;
  #freshCount = 0;
  #hotCount = 0;

  constructor(random: SeededRandom, names: string) {
    this.#random = random;
    this.#names = names;
    this.#prefix = random.integer(2 ** 40).toString(36);
  }

  service(): string {
    return nameIn(this.#names, this.#random.pick(SERVICES));
  }

  readonly nameOf = (name: string): string => nameIn(this.#names, name);

  /** A new one every time. */
  fresh(): Pair {
    return pairIn(this.#names, this.#random.pick(SERVICES), `${this.#prefix}-${this.#freshCount++}`);
  }

  hot(): Pair {
    const newest = HOT_KEY_COUNT * Math.floor(this.#hotCount++ / DRAWS_PER_HOT_KEYS);
    const old = newest > 0 && this.#random.integer(OLD_HOT_KEY_INTERVAL) === 0;
    const number = old ? this.#random.integer(newest) : newest + this.#random.integer(HOT_KEY_COUNT);
    return pairIn(this.#names, this.#random.pick(SERVICES), `hot-${number}`);
  }
}

function pairIn(names: string, service: string, key: string): Pair {
  return { service: nameIn(names, service), key: nameIn(names, key) };
}

/** The first hot keys, and the last ones of a run. */
function lastPairs(history: History, names: string): readonly Pair[] {
  const pairs = new Map<string, Pair>();
  const add = ({ service, key }: Pair) => pairs.set(`${service} ${key}`, { service, key });
  for (let number = 0; number < HOT_KEY_COUNT; number++)
    for (const service of SERVICES) add(pairIn(names, service, `hot-${number}`));
  const firstCount = pairs.size;
  for (const { type, f, value } of history.clientOperations()) {
    if (type !== 'invoke' || f !== 'assign') continue;
    const pair = value as Pair;
    if (HOT_KEY.test(pair.key)) add(pair);
  }
  const all = [...pairs.values()];
  return [...all.slice(0, firstCount), ...all.slice(firstCount).slice(-LAST_PAIRS_MAX)];
}

/** Weights of the operations. A large batch counts as a hundred operations, so it is rare (see `drawCount`). */
const MIX = new WeightedChoice<(random: SeededRandom, keys: Keys) => Invocation>([
  [22, () => generate({})],
  [12, (random) => generate({ count: drawCount(random) })],
  [8, () => generate({ kind: 'uuid' })],
  [5, (random) => generate({ count: drawCount(random), kind: 'uuid' })],
  [13, (random) => ({ f: 'status', value: { of: random.integer(CHOICES) } })],
  [4, (random) => ({ f: 'status', value: { bad: random.pick(BAD_ID_NAMES) } })],
  [10, (_random, keys) => ({ f: 'assign', value: keys.hot() })],
  [10, (_random, keys) => ({ f: 'assign', value: keys.fresh() })],
  [8, (random, keys) => drawFeed(random, keys.service())],
  [4, (random, keys) => drawConsume(random, keys.service(), keys.nameOf)],
  [4, (random, keys) => drawCommit(random, keys.service(), keys.nameOf)],
]);

export const idsTest: WorkloadTest = {
  ...createIdsTest(''),
  configure: ({ names }) => createIdsTest(names),
};

function createIdsTest(names: string): WorkloadTest {
  return {
    reusableClients: true,
    // A leased node keeps nothing on its disk: number, bound and assignments are in the store.
    survivesDiskLoss: true,
    createGenerator: (random) => {
      const keys = new Keys(random, names);
      return () => MIX.draw(random)(random, keys);
    },
    createInvoke: () => {
      const known: Known = { recent: new RecentIds(), cursors: new KnownCursors() };
      return (client, { f, value }) => operationIn('ids', OPERATIONS, f)(client, value, known);
    },
    // From every node, because each may have kept its own answer.
    createFinalInvocations: (_random, askers, history) =>
      [
        generate({}),
        { f: 'status', value: { of: 0 } },
        ...lastPairs(history, names).map((value) => ({ f: 'assign', value })),
        ...lastFeedRequests(
          SERVICES.map((service) => nameIn(names, service)),
          (name) => nameIn(names, name),
        ),
      ].flatMap((invocation) => Array.from({ length: askers }, () => invocation)),
    checker: idsChecker,
    createWorkCounter: countIds,
  };
}

/** Work is a generated id, or the first acknowledged assignment of a key. */
function countIds(): CountWork {
  const assigned = new Set<string>();
  return (f, value) => {
    if (f !== 'assign') return f === 'generate';
    const { service, key } = value as Pair;
    const name = JSON.stringify([service, key]);
    if (assigned.has(name)) return false;
    assigned.add(name);
    return true;
  };
}

function generate(value: { readonly count?: number; readonly kind?: IdKind }): Invocation {
  return { f: 'generate', value };
}

function drawCount(random: SeededRandom): number {
  const percentile = random.integer(100);
  if (percentile < 1) return BORROWING_COUNT_MIN + random.integer(COUNT_MAX - BORROWING_COUNT_MIN + 1);
  if (percentile < 5) return LARGE_COUNT;
  return 1 + random.integer(SMALL_COUNT_MAX);
}

/** What the clients of a run have got. */
interface Known {
  readonly recent: RecentIds;
  readonly cursors: KnownCursors;
}

type Operate = (client: Client, value: unknown, known: Known) => Promise<Completion>;

const OPERATIONS: ReadonlyMap<string, Operate> = new Map<string, Operate>([
  ['generate', (client, value, { recent }) => askForIds(client, value, recent)],
  ['status', (client, value, { recent }) => askForStatus(client, value, recent)],
  ['assign', (client, value, { recent }) => askForAssignment(client, value, recent)],
  ['feed', (client, value, { cursors }) => askForFeed(client, value, cursors)],
  ['consume', (client, value, { cursors }) => consume(client, value, cursors)],
  ['commit', (client, value, { cursors }) => commit(client, value, cursors)],
]);

const RECENT_IDS_MAX = 64;
/** Stands for any id until the run has got one. */
const FIRST_ID = '595172839467794432';

/** The latest ids that clients of a run got, generated and assigned, each once. */
class RecentIds {
  readonly #ids: string[] = [];

  add(id: unknown): void {
    if (typeof id !== 'string' || this.#ids.includes(id)) return;
    this.#ids.push(id);
    if (this.#ids.length > RECENT_IDS_MAX) this.#ids.shift();
  }

  /** Counts back from the newest. */
  choose(number: number): string {
    const { length } = this.#ids;
    return this.#ids[length - 1 - (number % length)] ?? FIRST_ID;
  }
}

async function askForIds(client: Client, value: unknown, recent: RecentIds): Promise<Completion> {
  const { count, ...rest } = value as { readonly count?: number; readonly kind?: IdKind };
  const result =
    count === undefined ? await client.rpc(GenerateOne, rest) : await client.rpc(GenerateBatch, { count, ...rest });
  return completeWith(result, value, ({ id, ids }) => {
    const got = count === undefined ? [id] : (ids as readonly unknown[]);
    // Only the ends of a batch. A whole batch would displace all other ids.
    recent.add(got[0]);
    recent.add(got.at(-1));
    return { kind: rest.kind ?? 'snowflake', ids: got };
  });
}

async function askForStatus(client: Client, value: unknown, recent: RecentIds): Promise<Completion> {
  const { of, bad } = value as { readonly of?: number; readonly bad?: string };
  if (bad !== undefined) return askForBadStatus(client, bad);
  const id = recent.choose(of ?? 0);
  return completeWith(await client.rpc(StatusAny, { id }), { id }, (body) => ({ id, ...answerIn(body) }));
}

async function askForBadStatus(client: Client, name: string): Promise<Completion> {
  const request = BAD_IDS.get(name);
  if (request === undefined) throw new Error(`there is no bad id by the name of ${name}`);
  const result = await client.rpc(StatusOfAnything, request);
  if (result.kind === 'error' && result.definite && result.name !== 'temporarily-unavailable') {
    const refused = result.name === 'malformed-request';
    const answer = refused ? {} : { answer: [result.name, result.text] };
    return { type: 'ok', value: { name, refused, ...answer } };
  }
  return completeWith(result, { name }, (body) => ({ name, refused: false, answer: answerIn(body) }));
}

async function askForAssignment(client: Client, value: unknown, recent: RecentIds): Promise<Completion> {
  const { service, key } = value as { readonly service: string; readonly key: string };
  return completeWith(await client.rpc(AssignAny, { service, key }), value, ({ id }) => {
    recent.add(id);
    return { service, key, id };
  });
}

/**
 * As long as an exchange with the store may take. Timestamps that are reserved for a shorter time are used up when they
 * come, unless ids may lead by as much.
 */
const EXCHANGE_MS = 50;
/** Every second life of a simulated node is a new machine: it must look for a number without earlier knowledge. */
const LIVES_PER_MACHINE = 2;
/** So few spare numbers that those of dead nodes are needed. */
const SPARE_NUMBERS = 0;
/**
 * So many numbers may be of no use if little skew is believed: each was held by a node whose clock was far ahead, and
 * must wait until the clocks are there.
 */
const LOST_NUMBERS = 8;

/** The limits that are part of a node's setup. */
type SetupLimit = 'lease' | 'spare' | 'reads' | 'window' | 'lead' | 'skew';

/**
 * ids: all requests of the id service, mixed: single ids and batches of both kinds, status, assignments. Nodes come and
 * go.
 */
export const ids: Workload = {
  ...idsNode,
  text: 'Asks for ids of both kinds, one or many, for their status, for ids assigned to keys, and for all of these in order.',
  test: idsTest,
  simulate: (
    { nodeId, nodeIds },
    life,
    { lease = 500, spare = SPARE_NUMBERS, reads, window = 3000, lead, skew }: Partial<Record<SetupLimit, number>>,
  ) => ({
    // Short enough that leases are lost and taken over within a run.
    lease: {
      leaseMs: lease,
      numberCount: nodeIds.length + spare + (skew === undefined ? 0 : LOST_NUMBERS),
      identity: `${nodeId}/${Math.floor(life / LIVES_PER_MACHINE)}`,
      readsMax: reads,
    },
    idLimits: {
      windowMs: window,
      leadMsMax: window < EXCHANGE_MS && lead ? lead + EXCHANGE_MS : lead,
      maxSkewMs: skew,
    },
  }),
  limits: {
    remembered: [1, 2, 8],
    batch: [1, 2, 5],
    feedPage: [1, 2, 7],
    reads: [1, 2],
    // ms. Without a lead the largest batches are refused. With a `window` below EXCHANGE_MS, ids may
    // lead by EXCHANGE_MS more than `lead`.
    window: [1, 20, 300],
    lead: [1, 50, 200, 1000],
    lease: [250, 2000],
    spare: [1, 3],
    // ms. Well below the errors of clocks, and above twice any lead.
    skew: [12_000, 30_000],
    requests: REQUESTS,
    ...RATE_LIMITS,
  } satisfies Record<keyof AssignmentLimits | SetupLimit | 'requests' | keyof typeof RATE_LIMITS, readonly number[]>,
};
