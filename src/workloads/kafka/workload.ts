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
  type WorkloadTest,
} from '../../harness/workload-test.ts';
import type { SeededRandom } from '../../protocol/random.ts';
import { KEY_COUNT_DEFAULT, KeyedWrites, WRITES_OF_KEY_MAX_DEFAULT } from '../keyed-writes.ts';
import { CALM_MS } from '../mixed-operations.ts';
import type { TestedWorkload } from '../workload.ts';
import { kafkaChecker } from './checker/kafka-checker.ts';
import { CommitOffsets, ListCommittedOffsets, Poll, Send } from './messages.ts';

/** One of so many operations is an assign. */
const OPERATIONS_OF_ASSIGN = 64;
/** One of so many assigns also takes the keys with messages that no client has polled yet. */
const ASSIGNS_OF_UNSEEN = 3;
/** How often a client crashes, on average, ms. */
const CRASH_EVERY_MS = 30_000;
const FINAL_POLL_EVERY_MS = 200;
const FINAL_POLLS_MS = 10_000;

type Offsets = ReadonlyMap<string, number>;
type Polled = Readonly<Record<string, readonly (readonly [offset: number, message: unknown])[] | null>>;

/** What all clients of a run know of the logs. */
class KnownLogs {
  readonly #offsets = new WeakMap<Client, Map<string, number>>();
  /** By key: the highest offset of a message that was acknowledged, and of one that was polled. */
  readonly #sent = new Map<string, number>();
  readonly #polled = new Map<string, number>();
  readonly #keys = new Set<string>();

  /** The keys that a client was assigned, each with the offset that it polls next. */
  offsetsOf(client: Client): Map<string, number> {
    const known = this.#offsets.get(client);
    if (known !== undefined) return known;
    const own = new Map<string, number>();
    this.#offsets.set(client, own);
    return own;
  }

  assign(client: Client, keys: readonly string[], seekToBeginning: boolean): void {
    const own = this.#offsets.get(client);
    const offset = (key: string) => (seekToBeginning ? 0 : (own?.get(key) ?? 0));
    this.#offsets.set(client, new Map(keys.map((key) => [key, offset(key)])));
    for (const key of keys) this.#keys.add(key);
  }

  noteSent(key: string, offset: number): void {
    this.#keys.add(key);
    raise(this.#sent, key, offset);
  }

  notePolled(client: Client, polled: Offsets): void {
    const own = this.offsetsOf(client);
    for (const [key, offset] of polled) {
      this.#keys.add(key);
      raise(this.#polled, key, offset);
      raise(own, key, offset + 1);
    }
  }

  /** Keys with acknowledged messages that no client has polled. */
  unseen(): readonly string[] {
    return [...this.#sent].filter(([key, offset]) => offset > (this.#polled.get(key) ?? -1)).map(([key]) => key);
  }

  keys(): readonly string[] {
    return [...this.#keys];
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
    // As in Maelstrom, what was committed is asked for and not used.
    const completion: Completion =
      final === true
        ? { type: 'ok', value }
        : completeWith(await client.rpc(ListCommittedOffsets, { keys: [...keys] }), value, () => value);
    if (completion.type === 'ok') logs.assign(client, keys, final === true);
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
    const offsets = Object.fromEntries(logs.offsetsOf(client));
    const polled = completeWith(await client.rpc(Poll, { offsets }), value, ({ msgs }) => [['poll', msgs]]);
    if (polled.type !== 'ok') return polled;
    const [[, msgs]] = polled.value as readonly [readonly ['poll', Polled]];
    const highest = highestOffsets(msgs);
    // Before the commit: if that fails, these messages are skipped, as in Maelstrom.
    logs.notePolled(client, highest);
    if (highest.size === 0) return polled;
    const committed = await client.rpc(CommitOffsets, { offsets: Object.fromEntries(highest) });
    return completeWith(committed, value, () => polled.value);
  };
  const crash: Invoke = async (_client, { value }) => ({ type: 'info', value });
  return new Map(Object.entries({ assign, send, poll, crash }));
}

/** Sends and polls, half and half, some assigns, and now and then the end of a client. */
function createGenerator(logs: KnownLogs, concurrency: number): WorkloadTest['createGenerator'] {
  const writes = new KeyedWrites({ keyCount: KEY_COUNT_DEFAULT, writesOfKeyMax: WRITES_OF_KEY_MAX_DEFAULT });
  return (random) => {
    const crashGapMs = () => (random.float() * 2 * CRASH_EVERY_MS) / concurrency;
    let crashAtMs = crashGapMs();
    return ({ atMs }) => {
      if (atMs >= crashAtMs) {
        crashAtMs = atMs + crashGapMs();
        return { f: 'crash', value: null };
      }
      return drawOperation(writes, logs, random);
    };
  };
}

function drawOperation(writes: KeyedWrites, logs: KnownLogs, random: SeededRandom): Invocation {
  const access = writes.draw(random);
  const key = String(access.key);
  if (random.integer(OPERATIONS_OF_ASSIGN) === 0) {
    const unseen = random.integer(ASSIGNS_OF_UNSEEN) === 0 ? logs.unseen() : [];
    return { f: 'assign', value: [...new Set([key, ...unseen])] };
  }
  if (access.kind === 'read') return { f: 'poll', value: [['poll']] };
  return { f: 'send', value: [['send', key, access.value]] };
}

/** Every client begins anew, takes all keys from their beginnings, and polls until it has seen all that is known. */
function finalSteps(logs: KnownLogs): readonly FinalStep[] {
  const ends = logs.ends();
  const poll: Invocation = { f: 'poll', value: [['poll']], final: true };
  const hasSeenAll = (own: Offsets) => [...ends].every(([key, end]) => (own.get(key) ?? 0) > end);
  const each = { by: 'each', once: true, final: true } as const;
  return [
    { f: 'crash', value: null, ...each },
    { f: 'assign', value: logs.keys(), ...each },
    {
      ...poll,
      ...each,
      repeated: {
        next: (client) => (hasSeenAll(logs.offsetsOf(client)) ? undefined : poll),
        everyMs: FINAL_POLL_EVERY_MS,
        forMs: FINAL_POLLS_MS,
      },
    },
  ];
}

function testWith(concurrency: number, strict: boolean): WorkloadTest {
  const logs = new KnownLogs();
  const operations = createOperations(logs);
  return {
    reusableClients: false,
    idempotent: new Set(['assign']),
    survivesDiskLoss: false,
    createGenerator: createGenerator(logs, concurrency),
    createInvoke: () => (client, invocation) => operationIn('kafka', operations, invocation.f)(client, invocation),
    calmMs: CALM_MS,
    createFinalInvocations: () => finalSteps(logs),
    checker: () => kafkaChecker({ strict }),
    createWorkCounter: () => () => true,
  };
}

export const kafka: TestedWorkload = {
  name: 'kafka',
  text: 'Appends messages to logs and polls them, and expects each message once and in order.',
  test: { ...testWith(1, false), configure: ({ concurrency, strict }) => testWith(concurrency, strict) },
};
