/**
 * The test of lin-kv. Source: `maelstrom.workload.lin-kv`, `jepsen.tests.linearizable-register`, `jepsen.independent`.
 */

import { type Completion, completeWith } from '../../harness/client.ts';
import {
  type FinalStep,
  type Invocation,
  type Invoke,
  operationIn,
  type Turn,
  type WorkloadTest,
} from '../../harness/workload-test.ts';
import type { History } from '../../history/history.ts';
import { Write } from '../../kv/kv-client.ts';
import { CompareAndSet, Read } from '../../kv/store-rpcs.ts';
import type { SeededRandom } from '../../protocol/random.ts';
import type { Workload } from '../workload.ts';
import { linKvChecker } from './checker/lin-kv-checker.ts';
import { linKvNode } from './node.ts';

/** Values are from 0 to 4. */
const VALUES = 5;
/** A key is done when more processes than these have belonged to its group: a judge of few processes is fast. */
const PROCESSES_OF_KEY_MAX = 20;
const TIMEOUT_MS_MIN = 1000;
const LATENCIES_OF_TIMEOUT = 10;
/** So often the last questions are asked: a right node, too, may lose one when its leader changes. */
const LAST_ROUNDS = 3;

/** What an operation has, beside its key: a value, or what to compare with and what to set. */
type Keyed = readonly [key: number, value: unknown];

const OPERATIONS = new Map<string, Invoke>([
  [
    'read',
    async (client, { value }) => {
      const [key] = value as Keyed;
      return completeWith(await client.rpc(Read, { key }), value, (body) => [key, body.value]);
    },
  ],
  [
    'write',
    async (client, { value: keyed }) => {
      const [key, value] = keyed as Keyed;
      return completeWith(await client.rpc(Write, { key, value }), keyed, () => keyed);
    },
  ],
  [
    'cas',
    async (client, { value: keyed }): Promise<Completion> => {
      const [key, change] = keyed as Keyed;
      const [from, to] = change as readonly [number, number];
      return completeWith(await client.rpc(CompareAndSet, { key, from, to }), keyed, () => keyed);
    },
  ],
]);

/** Workers that ask for the same key. */
class Group {
  readonly #processOf: Map<number, number>;
  readonly #processesMax: number;
  #processes: Set<number>;

  constructor(workers: readonly number[]) {
    this.#processOf = new Map(workers.map((worker) => [worker, worker]));
    this.#processes = new Set(workers);
    // In Maelstrom, a group of more workers could do nothing.
    this.#processesMax = workers.length > PROCESSES_OF_KEY_MAX ? 2 * workers.length : PROCESSES_OF_KEY_MAX;
  }

  /** Whether with this turn too many processes have belonged to the group. Then it begins anew, with a new key. */
  isOver({ worker, process }: Turn): boolean {
    this.#processOf.set(worker, process);
    this.#processes.add(process);
    if (this.#processes.size <= this.#processesMax) return false;
    this.#processes = new Set(this.#processOf.values());
    return true;
  }
}

/**
 * Groups of two workers for each node work on a key of their own: at each node one that reads, and one that writes.
 * Workers that are left over belong to the last group. If they do not suffice for a group, all of them are one, and
 * each reads and writes.
 */
class Groups {
  readonly #nodeCount: number;
  readonly #groups: readonly Group[];
  readonly #keys: number[];
  readonly #areWhole: boolean;
  #nextKey: number;

  constructor(nodeCount: number, concurrency: number) {
    this.#nodeCount = nodeCount;
    const count = Math.max(1, Math.floor(concurrency / (2 * nodeCount)));
    this.#areWhole = concurrency >= 2 * nodeCount;
    this.#keys = Array.from({ length: count }, (_, key) => key);
    this.#nextKey = count;
    const workers = Array.from({ length: concurrency }, (_, worker) => worker);
    this.#groups = this.#keys.map((group) => new Group(workers.filter((worker) => this.#groupOf(worker) === group)));
  }

  draw(turn: Turn, random: SeededRandom): Invocation {
    const key = this.#keyAt(turn);
    const isReader = turn.worker % (2 * this.#nodeCount) < this.#nodeCount;
    if (this.#areWhole ? isReader : random.integer(2) === 0) return { f: 'read', value: [key, null] };
    if (random.integer(3) === 0) return { f: 'write', value: [key, random.integer(VALUES)] };
    return { f: 'cas', value: [key, [random.integer(VALUES), random.integer(VALUES)]] };
  }

  /** A right node may refuse everything but a write: the key may be new. */
  drawProbe(turn: Turn, random: SeededRandom): Invocation {
    return { f: 'write', value: [this.#keyAt(turn), random.integer(VALUES)] };
  }

  #keyAt(turn: Turn): number {
    const index = this.#groupOf(turn.worker);
    if (this.#groups[index]?.isOver(turn)) this.#keys[index] = this.#nextKey++;
    return this.#keys[index] as number;
  }

  #groupOf(worker: number): number {
    return Math.min(this.#keys.length - 1, Math.floor(worker / (2 * this.#nodeCount)));
  }
}

/**
 * In a short run whose faults leave little time, all of the few cas may be refused for their data, which says nothing
 * of the node. So what worked in part is asked at the end for the kinds that never did, on a key that is new.
 */
function lastQuestions(history: History): readonly FinalStep[] {
  const worked = new Set<string>();
  let [isFaulty, key] = [false, 0];
  for (let index = 0; index < history.length; index++) {
    if (history.isNemesisAt(index)) {
      isFaulty = true;
      continue;
    }
    key = Math.max(key, (history.valueAt(index) as Keyed)[0] + 1);
    if (history.typeAt(index) === 'ok') worked.add(history.functionAt(index));
  }
  if (!isFaulty || worked.size === 0 || worked.size === OPERATIONS.size) return [];
  const round: readonly FinalStep[] = [
    { f: 'write', value: [key, 0] },
    { f: 'cas', value: [key, [0, 1]], once: true },
    { f: 'read', value: [key, null], once: true },
  ];
  return Array.from({ length: LAST_ROUNDS }, () => round).flat();
}

function testWith(nodeCount: number, concurrency: number, latencyMeanMs: number, strict: boolean): WorkloadTest {
  const groups = new Groups(nodeCount, concurrency);
  const timeoutMs = Math.max(LATENCIES_OF_TIMEOUT * latencyMeanMs, TIMEOUT_MS_MIN);
  return {
    reusableClients: true,
    idempotent: new Set(['read']),
    timeoutMs: () => timeoutMs,
    survivesDiskLoss: 'one-at-a-time',
    createGenerator: (random) => (turn) => groups.draw(turn, random),
    createProbes: (random) => (turn) => groups.drawProbe(turn, random),
    createInvoke: () => (client, invocation) => operationIn('lin-kv', OPERATIONS, invocation.f)(client, invocation),
    createFinalInvocations: (_random, _askers, history) => lastQuestions(history),
    checker: () => linKvChecker({ strict }),
    createWorkCounter: () => () => true,
  };
}

export const linKv: Workload = {
  ...linKvNode,
  text: 'Reads, writes, compares and sets keys, each of which must be a linearizable register.',
  test: {
    ...testWith(1, 1, 0, false),
    configure: ({ nodes, concurrency, latencyMeanMs, strict }) =>
      testWith(nodes.length, concurrency, latencyMeanMs, strict),
  },
  // So small that logs are cut and snapshots sent in parts within a run of seconds.
  limits: { pending: [4, 16], batch: [1, 100], part: [20, 200], log: [200, 2000], kept: [0, 2, 20] },
};
