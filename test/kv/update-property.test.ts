/**
 * Random small worlds: writers on three nodes append tokens of their own to one list while messages are lost, doubled,
 * late and out of order, and nodes are killed and come back. In every case an acknowledged token is in the list once, a
 * definitely refused one is not in it, and no version is missing. The same worlds with a wrong update, or on a store
 * that is not linearizable, must fail, or they would prove nothing.
 */

import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { LinKv } from '../../src/harness/services/lin-kv.ts';
import { LwwKv } from '../../src/harness/services/lww-kv.ts';
import { SeqKv } from '../../src/harness/services/seq-kv.ts';
import type { Service } from '../../src/harness/services/service.ts';
import { Documents, type Stored } from '../../src/kv/documents.ts';
import { KvClient } from '../../src/kv/kv-client.ts';
import { LinKvStore } from '../../src/kv/lin-kv-store.ts';
import type { NodeContext } from '../../src/node/context.ts';
import { RpcError } from '../../src/protocol/errors.ts';
import { canonicalKey } from '../../src/protocol/exact-json.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { type Fate, LOST, type RigNode, StoreRig } from '../support/store-rig.ts';

const SEEDS_RIGHT = 1500;
/** Within so many seeds an error must be found. */
const SEEDS_WRONG = 1000;
const NODES = ['n0', 'n1', 'n2'];
const KEY = 'list';
const DEADLINE_MS = 40;
const PATIENCE_MS = 250;
const FAULTS_MS = 400;
/** By then every message has arrived, and every update has ended. */
const CALM_MS = 2000;

const List = z.object({ tokens: z.array(z.string()) });
type List = z.infer<typeof List>;

type Outcome = 'ok' | 'definite' | 'indefinite';

interface Writer {
  readonly kv: KvClient;
  readonly context: NodeContext;
  readonly documents: Documents<List>;
}

/** How the update of a token ended. `killed`: its node died first. `running`: it has not ended. */
type TokenOutcome = Outcome | 'killed' | 'running';

type Append = (writer: Writer, token: string) => Promise<Outcome>;

interface Design {
  readonly append: Append;
  /** The service that nodes use as lin-kv. */
  readonly store?: (random: SeededRandom) => Service;
}

interface World {
  readonly outcomes: ReadonlyMap<string, TokenOutcome>;
  /** What each node reads after all faults have ended. */
  readonly readings: readonly Stored<List>[];
  /** The value after the store has settled as well. */
  readonly settled: Stored<List>;
}

const appendRightly: Append = async ({ documents }, token) => {
  const result = await documents.update(KEY, (list) =>
    list?.tokens.includes(token) ? undefined : { tokens: [...(list?.tokens ?? []), token] },
  );
  return result.kind;
};

/** The strength of the faults is drawn too: from nearly none to hopeless. */
function createFates(random: SeededRandom): () => Fate {
  const [lossPercent, doublingPercent, delayPercent] = [random.integer(25), random.integer(25), random.integer(25)];
  const shortMs = () => 1 + random.integer(4);
  // Some arrive after the deadline, some after the update has ended.
  const longMs = () => 1 + random.integer(random.pick([60, 600]));
  return () => {
    let draw = random.integer(100);
    if (draw < lossPercent) return LOST;
    draw -= lossPercent;
    if (draw < doublingPercent) return [shortMs(), longMs()];
    draw -= doublingPercent;
    return [draw < delayPercent ? longMs() : shortMs()];
  };
}

/** One random world, the same for the same seed and design. */
async function live(seed: number, { append, store = () => new LinKv() }: Design): Promise<World> {
  const random = new SeededRandom(seed);
  const rig = new StoreRig(new Map([['lin-kv', store(random.fork('store'))]]), seed);
  rig.drawFate = createFates(random.fork('fates'));

  const outcomes = new Map<string, TokenOutcome>();
  const choices = random.fork('choices');
  const lives = new Map<string, RigNode>();
  const open = ({ context }: RigNode): Writer => {
    const kv = new KvClient(context, 'lin-kv', { deadlineMs: DEADLINE_MS });
    return {
      kv,
      context,
      documents: new Documents({
        kv: new LinKvStore(context, { deadlineMs: DEADLINE_MS }),
        context,
        name: 'list',
        schema: List,
        patienceMs: PATIENCE_MS,
      }),
    };
  };
  const begin = (nodeId: string) => {
    const life = rig.start(nodeId);
    lives.set(nodeId, life);
    const writer = open(life);
    const write = async (count: number) => {
      for (let turn = 0; turn < count; turn++) {
        const token = `${nodeId} ${outcomes.size}`;
        outcomes.set(token, 'running');
        outcomes.set(token, await append(writer, token));
      }
    };
    const writers = 1 + choices.integer(2);
    for (let count = 0; count < writers; count++) {
      rig.time.schedule(choices.integer(30), () => {
        if (lives.get(nodeId) === life) void write(1 + choices.integer(3));
      });
    }
  };
  for (const nodeId of NODES) begin(nodeId);
  for (const nodeId of choices.shuffle(NODES).slice(0, choices.integer(3))) {
    rig.time.schedule(choices.integer(100), () => {
      lives.get(nodeId)?.kill();
      lives.delete(nodeId);
      for (const [token, outcome] of outcomes)
        if (token.startsWith(`${nodeId} `) && outcome === 'running') outcomes.set(token, 'killed');
      rig.time.schedule(1 + choices.integer(20), () => begin(nodeId));
    });
  }
  await rig.pass(FAULTS_MS);
  rig.drawFate = () => [1];
  await rig.pass(CALM_MS);

  const read = async (life: RigNode): Promise<Stored<List>> => {
    const result = await rig.run(open(life).documents.read(KEY));
    if (result.kind !== 'ok') throw result.error;
    return result.stored;
  };
  const readings: Stored<List>[] = [];
  for (const nodeId of NODES) readings.push(await read(lives.get(nodeId) as RigNode));
  // A writer to seq-kv sees the newest state from then on, and lww-kv converges while it is read.
  rig.look('lin-kv', { type: 'write', key: 'another', value: 1 }, 'judge');
  for (let asked = 0; asked < 50; asked++) rig.look('lin-kv', { type: 'read', key: KEY }, 'judge');
  return { outcomes, readings, settled: await read(rig.start('judge')) };
}

/** What is wrong with a world; undefined: nothing. */
function findViolation({ outcomes, readings, settled }: World): string | undefined {
  const views = [...readings.map((stored, index) => [NODES[index], stored] as const), ['the judge', settled] as const];
  for (const [reader, { ver, content }] of views) {
    const tokens = content?.tokens ?? [];
    for (const [token, outcome] of outcomes) {
      if (outcome === 'running') return `the update of ${token} has never ended`;
      const count = tokens.filter((member) => member === token).length;
      if (count > 1 || (outcome === 'ok' && count === 0) || (outcome === 'definite' && count === 1))
        return `${reader} reads ${count} times what is said to be ${outcome}`;
    }
    // Every version added one token.
    if (ver !== tokens.length) return `${reader} reads ${tokens.length} tokens in version ${ver}`;
  }
  return undefined;
}

/** The first violation found by the seeds. */
async function search(design: Design, seeds = SEEDS_WRONG, judge = findViolation): Promise<string | undefined> {
  for (let seed = 1; seed <= seeds; seed++) {
    const violation = judge(await live(seed, design));
    if (violation !== undefined) return `seed ${seed}: ${violation}`;
  }
  return undefined;
}

describe('updates in random worlds', () => {
  it('happen as reported', async () => {
    const counts = new Map<string, number>();
    const add = (what: string) => counts.set(what, (counts.get(what) ?? 0) + 1);
    for (let seed = 1; seed <= SEEDS_RIGHT; seed++) {
      const world = await live(seed, { append: appendRightly });
      expect(findViolation(world), `seed ${seed}`).toBeUndefined();
      for (const [token, outcome] of world.outcomes) {
        const isIn = world.settled.content?.tokens.includes(token);
        add(`${outcome}, ${isIn ? 'in' : 'not in'}`);
      }
    }
    // Every way to end must occur, or this test says nothing about it.
    const ways = ['ok, in', 'definite, not in', 'indefinite, in', 'indefinite, not in', 'killed, in', 'killed, not in'];
    expect([...counts.keys()].toSorted()).toEqual(ways.toSorted());
    for (const way of ways) expect(counts.get(way), way).toBeGreaterThan(SEEDS_RIGHT / 50);
  });

  it('are the same for the same seed', async () => {
    const design = { append: appendRightly };
    expect(await live(7, design)).toEqual(await live(7, design));
  });
});

/** How a wrong update judges the reply to its compare-and-set; undefined: it goes on. */
type Judgement = (kind: 'definite' | 'indefinite') => Outcome | undefined;

/** Reads and sends until it judges itself done: the skeleton of updates that are wrong in one way each. */
function appending(options: {
  readonly judge?: Judgement;
  readonly looksForMark?: boolean;
  readonly send?: (kv: KvClient, from: string | null, to: string) => ReturnType<KvClient['write']>;
}): Append {
  const { judge = () => undefined, looksForMark = true } = options;
  const send = options.send ?? ((kv, from, to) => kv.compareAndSet(KEY, from, to));
  return async ({ kv, context }, token) => {
    const endMs = context.clock.monotonicMs() + PATIENCE_MS;
    let sentAny = false;
    while (context.clock.monotonicMs() < endMs) {
      const read = await kv.read(KEY);
      if (read.kind === 'ok') {
        const from = (read.value as string | undefined) ?? null;
        const { tokens, ver }: List & { ver: number } = from === null ? { tokens: [], ver: 0 } : JSON.parse(from);
        if (looksForMark && tokens.includes(token)) return 'ok';
        sentAny = true;
        const sent = await send(kv, from, canonicalKey({ tokens: [...tokens, token], ver: ver + 1 }));
        if (sent.kind === 'ok') return 'ok';
        const judged = judge(sent.kind);
        if (judged !== undefined) return judged;
      }
      await context.sleep(1 + (context.randomUint32() % 20));
    }
    return sentAny ? 'indefinite' : 'definite';
  };
}

const MUTANTS: Readonly<Record<string, Design>> = {
  'takes silence for failure': {
    append: appending({ judge: (kind) => (kind === 'indefinite' ? 'definite' : undefined) }),
  },
  'takes a refusal for proof': {
    append: appending({ judge: (kind) => (kind === 'definite' ? 'definite' : undefined) }),
  },
  'writes blindly': { append: appending({ send: (kv, _, to) => kv.write(KEY, to) }) },
  'does not look for its mark when it tries again': { append: appending({ looksForMark: false }) },
  'does not look for its mark after a refusal, and gives up after silence': {
    append: appending({ looksForMark: false, judge: (kind) => (kind === 'indefinite' ? 'indefinite' : undefined) }),
  },
  'says that it has not happened when its patience ends': {
    append: async (writer, token) => {
      const outcome = await appendRightly(writer, token);
      return outcome === 'indefinite' ? 'definite' : outcome;
    },
  },
  'sends the same again without a look': {
    append: async ({ kv }, token) => {
      const read = await kv.read(KEY);
      if (read.kind !== 'ok') return 'definite';
      const from = (read.value as string | undefined) ?? null;
      const { tokens, ver }: List & { ver: number } = from === null ? { tokens: [], ver: 0 } : JSON.parse(from);
      const to = canonicalKey({ tokens: [...tokens, token], ver: ver + 1 });
      for (let turn = 0; turn < 3; turn++) {
        const sent = await kv.compareAndSet(KEY, from, to);
        if (sent.kind === 'ok') return 'ok';
        if (sent.error.code === RpcError.of('precondition-failed').code) return 'definite';
      }
      return 'indefinite';
    },
  },
};

describe('the same worlds find an update that', () => {
  it('is correct, but built from the same parts as the wrong ones: nothing is found', async () => {
    expect(await search({ append: appending({}) }, 300)).toBeUndefined();
  });

  it.each(Object.entries(MUTANTS))('%s', async (_, design) => {
    expect(await search(design)).toMatch(/^seed \d+: /);
  });
});

/** A store with a list already in it: lww-kv creates nothing by compare-and-set. */
function lwwKv(random: SeededRandom): Service {
  const store = new LwwKv(random, { replicas: 2, keepsMerges: true });
  store.handle('c0', { type: 'write', key: KEY, value: canonicalKey({ tokens: ['first'], ver: 1 }) });
  for (let asked = 0; asked < 50; asked++) store.handle('c0', { type: 'read', key: KEY });
  return store;
}

/** Judges the final value, even if a client was shown another one. */
function findSettledViolation(world: World): string | undefined {
  return findViolation({ ...world, readings: [] });
}

describe('the same updates on a store used as lin-kv', () => {
  it('happen as reported on seq-kv, but not every client is shown what was acknowledged', async () => {
    const design = { append: appendRightly, store: (random: SeededRandom) => new SeqKv(random) };
    expect(await search(design, 300, findSettledViolation)).toBeUndefined();
    expect(await search(design)).toMatch(/n\d reads 0 times what is said to be ok/);
  });

  it('are lost on lww-kv', async () => {
    const design = { append: appendRightly, store: lwwKv };
    expect(await search(design, SEEDS_WRONG, findSettledViolation)).toMatch(/reads 0 times what is said to be ok/);
  });
});
