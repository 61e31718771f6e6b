/**
 * The test of kafka. A client keeps to itself from which offset on it polls each key that it was assigned. Sources:
 * `maelstrom.workload.kafka`, `jepsen.tests.kafka`.
 */

import { type Client, type Completion, completeWith } from '../../harness/client.ts';
import {
  type FinalStep,
  type Invocation,
  type Invoke,
  operationIn,
  type WorkloadOption,
  type WorkloadTest,
} from '../../harness/workload-test.ts';
import type { SeededRandom } from '../../protocol/random.ts';
import {
  countOption,
  KEYED_DEFAULTS,
  KEYED_OPTIONS,
  type KeyedAccess,
  KeyedWrites,
  type KeyedWritesOptions,
  keyedOptionsIn,
} from '../keyed-writes.ts';
import { CALM_MS } from '../mixed-operations.ts';
import type { Workload } from '../workload.ts';
import { kafkaChecker } from './checker/kafka-checker.ts';
import { CommitOffsets, ListCommittedOffsets, Poll, Send } from './messages.ts';
import { kafkaNode } from './node.ts';

/** One of so many operations is an assign. */
const OPERATIONS_OF_ASSIGN = 64;
/** One of so many assigns also takes the keys with messages that no client has polled yet. */
const ASSIGNS_OF_UNSEEN = 3;
/** How often a client crashes, on average, ms. */
const CRASH_EVERY_MS = 30_000;
/** Keys that one operation asks for, of those that were polled last. */
const KEYS_LISTED = 8;
const FINAL_POLL_EVERY_MS = 200;
/** Probes have keys of their own: so they send nothing that an operation has sent, also where those are replayed. */
const FIRST_PROBED_KEY = 1_000_000_000;
const FINAL_POLLS_MS = 10_000;

interface KafkaSetting {
  readonly keyed: KeyedWritesOptions;
  /** One of so many operations lists committed offsets. Absent: none does, as in Maelstrom. */
  readonly operationsOfList?: number | undefined;
  readonly strict: boolean;
}

const LIST_OPTION: WorkloadOption = {
  ...countOption('', 2),
  text: `One operation of so many lists committed offsets. The run is then judged by the rules beyond
Jepsen's, too, as with --strict. Default: none does, as in Maelstrom.`,
  absent: undefined,
  drawn: ['8'],
};

type Offsets = ReadonlyMap<string, number>;
type Polled = Readonly<Record<string, readonly (readonly [offset: number, message: unknown])[] | null>>;

/** What a client knows, by key. */
interface ClientView {
  /** The offset that it polls next. */
  readonly next: Map<string, number>;
  /** The highest offset that its polls have found. */
  readonly found: Map<string, number>;
}

/** What the clients of a run know of the logs. */
class KnownLogs {
  readonly #views = new WeakMap<Client, ClientView>();
  /** By key: the highest offset of a message that was acknowledged, and of one that was polled. */
  readonly #sent = new Map<string, number>();
  readonly #polled = new Map<string, number>();

  viewOf(client: Client): ClientView {
    const known = this.#views.get(client);
    if (known !== undefined) return known;
    const view: ClientView = { next: new Map(), found: new Map() };
    this.#views.set(client, view);
    return view;
  }

  /** The client polls these keys from now on, and no others: those that are new to it from the beginning. */
  assign(client: Client, keys: readonly string[]): void {
    const { next } = this.viewOf(client);
    const kept = new Map(next);
    next.clear();
    for (const key of keys) next.set(key, kept.get(key) ?? 0);
  }

  noteSent(key: string, offset: number): void {
    raise(this.#sent, key, offset);
  }

  /** An operation has polled up to these offsets. */
  notePolled(client: Client, highest: Offsets): void {
    const { found } = this.viewOf(client);
    for (const [key, offset] of highest) {
      raise(this.#polled, key, offset);
      raise(found, key, offset);
    }
  }

  /** Keys with acknowledged messages that no client has polled. */
  unseen(): readonly string[] {
    return [...this.#sent].filter(([key, offset]) => offset > (this.#polled.get(key) ?? -1)).map(([key]) => key);
  }

  /** The newest ones of those that were polled. */
  lastPolled(): readonly string[] {
    return [...this.#polled.keys()].slice(-KEYS_LISTED);
  }

  /** By key: the highest offset of a message that was acknowledged or polled. */
  ends(): Offsets {
    const ends = new Map(this.#sent);
    for (const [key, offset] of this.#polled) raise(ends, key, offset);
    return ends;
  }
}

function raise(offsets: Map<string, number>, key: string, offset: number): void {
  offsets.set(key, Math.max(offset, offsets.get(key) ?? offset));
}

/** By key: the highest offset of its messages. Keys without messages are left out. */
function highestOffsets(polled: Polled): Offsets {
  const highest = new Map<string, number>();
  for (const [key, pairs] of Object.entries(polled)) for (const [offset] of pairs ?? []) raise(highest, key, offset);
  return highest;
}

function createOperations(logs: KnownLogs): ReadonlyMap<string, Invoke> {
  const assign: Invoke = async (client, { value, final }) => {
    const keys = value as readonly string[];
    // As in Maelstrom, what was committed is asked for and not used. The final one, by a new client, does not ask.
    const completion: Completion =
      final === true
        ? { type: 'ok', value }
        : completeWith(await client.rpc(ListCommittedOffsets, { keys: [...keys] }), value, () => value);
    if (completion.type === 'ok') logs.assign(client, keys);
    return completion;
  };
  const send: Invoke = async (client, { value }) => {
    const [[, key, msg]] = value as readonly [readonly ['send', string, number]];
    return completeWith(await client.rpc(Send, { key, msg }), value, ({ offset }) => {
      logs.noteSent(key, offset as number);
      return [['send', key, [offset, msg]]];
    });
  };
  const poll: Invoke = async (client, { value }) => {
    const { next } = logs.viewOf(client);
    const result = await client.rpc(Poll, { offsets: Object.fromEntries(next) });
    const polled = completeWith(result, value, ({ msgs }) => [['poll', msgs]]);
    if (polled.type !== 'ok') return polled;
    const [[, msgs]] = polled.value as readonly [readonly ['poll', Polled]];
    const highest = highestOffsets(msgs);
    // Before the commit: if that fails, these messages are skipped, as in Maelstrom.
    for (const [key, offset] of highest) raise(next, key, offset + 1);
    if (highest.size === 0) return polled;
    const committed = await client.rpc(CommitOffsets, { offsets: Object.fromEntries(highest) });
    const completion = completeWith(committed, value, () => polled.value);
    if (completion.type === 'ok') logs.notePolled(client, highest);
    return completion;
  };
  const list: Invoke = async (client, { value }) =>
    completeWith(await client.rpc(ListCommittedOffsets, { keys: [...(value as readonly string[])] }), value, (body) => {
      return body.offsets;
    });
  const crash: Invoke = async (_client, { value }) => ({ type: 'info', value });
  return new Map(Object.entries({ assign, send, poll, crash, list_committed_offsets: list }));
}

/** Sends and polls, some assigns, and now and then the end of a client: the first operation is one, as in Maelstrom. */
function createGenerator(
  logs: KnownLogs,
  concurrency: number,
  crashes: { atMs: number },
  createWrites: () => KeyedWrites,
  operationsOfList: number | undefined,
): WorkloadTest['createGenerator'] {
  return (random) => {
    const writes = createWrites();
    const drawOperation = createDraw(writes, logs, random);
    return ({ atMs }) => {
      if (atMs < crashes.atMs) {
        const lists = operationsOfList !== undefined && random.integer(operationsOfList) === 0;
        return lists ? { f: 'list_committed_offsets', value: logs.lastPolled() } : drawOperation();
      }
      crashes.atMs = atMs + (random.float() * 2 * CRASH_EVERY_MS) / concurrency;
      return { f: 'crash', value: null };
    };
  };
}

/** An assign comes before the operation whose key it has. */
function createDraw(writes: KeyedWrites, logs: KnownLogs, random: SeededRandom): () => Invocation {
  let next: KeyedAccess | undefined;
  return () => {
    const access = next ?? writes.draw(random);
    const key = String(access.key);
    if (random.integer(OPERATIONS_OF_ASSIGN) === 0) {
      next = access;
      const unseen = random.integer(ASSIGNS_OF_UNSEEN) === 0 ? logs.unseen() : [];
      return { f: 'assign', value: [...new Set([...unseen, key])] };
    }
    next = undefined;
    return access.kind === 'read'
      ? { f: 'poll', value: [['poll']] }
      : { f: 'send', value: [['send', key, access.value]] };
  };
}

/**
 * Every client begins anew, takes all keys from their beginnings, and polls until it has found all that is known. If
 * nothing is known, there is nothing to ask.
 *
 * @param lists whether each of them then lists what is committed
 */
function finalSteps(logs: KnownLogs, lists: boolean): readonly FinalStep[] {
  const ends = logs.ends();
  if (ends.size === 0) return [];
  const poll: Invocation = { f: 'poll', value: [['poll']], final: true };
  const hasFoundAll = (found: Offsets) => [...ends].every(([key, end]) => (found.get(key) ?? -1) >= end);
  const each = { by: 'each', once: true, final: true } as const;
  return [
    { f: 'crash', value: null, ...each },
    { f: 'assign', value: [...ends.keys()], ...each },
    {
      ...poll,
      ...each,
      repeated: {
        next: (client) => (hasFoundAll(logs.viewOf(client).found) ? undefined : poll),
        everyMs: FINAL_POLL_EVERY_MS,
        forMs: FINAL_POLLS_MS,
      },
    },
    ...(lists ? [{ f: 'list_committed_offsets', value: [...ends.keys()], ...each }] : []),
  ];
}

function testWith(concurrency: number, { keyed, operationsOfList, strict }: KafkaSetting): WorkloadTest {
  const logs = new KnownLogs();
  const operations = createOperations(logs);
  /** When the next crash is due. Probes go on where operations were. */
  const crashes = { atMs: 0 };
  return {
    reusableClients: false,
    idempotent: new Set(['assign', 'list_committed_offsets']),
    // A node keeps all its data in the store.
    survivesDiskLoss: true,
    createGenerator: createGenerator(logs, concurrency, crashes, () => new KeyedWrites(keyed), operationsOfList),
    createProbes: createGenerator(
      logs,
      concurrency,
      crashes,
      () => new KeyedWrites(keyed, FIRST_PROBED_KEY),
      undefined,
    ),
    createInvoke: () => (client, invocation) => operationIn('kafka', operations, invocation.f)(client, invocation),
    calmMs: CALM_MS,
    createFinalInvocations: () => finalSteps(logs, operationsOfList !== undefined),
    checker: () => kafkaChecker({ strict: strict || operationsOfList !== undefined }),
    createWorkCounter: () => () => true,
  };
}

/** @param operationsOfList one of so many operations lists committed offsets, unless the option says otherwise */
export function createKafkaTest({ operationsOfList }: Pick<KafkaSetting, 'operationsOfList'> = {}): WorkloadTest {
  return {
    ...testWith(1, { keyed: KEYED_DEFAULTS, operationsOfList, strict: false }),
    options: { ...KEYED_OPTIONS, 'list-committed': LIST_OPTION },
    configure: ({ concurrency, options, strict }) =>
      testWith(concurrency, {
        keyed: keyedOptionsIn(options),
        operationsOfList: (options['list-committed'] as number | undefined) ?? operationsOfList,
        strict,
      }),
  };
}

export const kafka: Workload = {
  ...kafkaNode,
  text: 'Appends messages to logs and polls them, and expects each message once and in order.',
  test: createKafkaTest(),
  limits: {
    segment: [1, 2, 5],
    group: [1, 2],
    window: [1, 3],
    logs: [1, 3],
    returned: [1, 2],
  },
};
