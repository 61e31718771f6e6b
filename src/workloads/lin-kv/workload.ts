/**
 * The test of lin-kv. Source: `maelstrom.workload.lin-kv`, `jepsen.tests.linearizable-register`, `jepsen.independent`.
 */

import { type Completion, completeWith } from '../../harness/client.ts';
import {
  type Invocation,
  type Invoke,
  operationIn,
  type Turn,
  type WorkloadTest,
} from '../../harness/workload-test.ts';
import { Write } from '../../kv/kv-client.ts';
import { CompareAndSet, Read } from '../../kv/store-rpcs.ts';
import type { SeededRandom } from '../../protocol/random.ts';
import type { TestedWorkload } from '../workload.ts';
import { linKvChecker } from './checker/lin-kv-checker.ts';

/** Values are from 0 to 4. */
const VALUES = 5;
/** A key is done when so many processes have worked on it: a judge of few processes is fast. */
const PROCESSES_OF_KEY_MAX = 20;
const TIMEOUT_MS_MIN = 1000;
const LATENCIES_OF_TIMEOUT = 10;

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
  readonly processes = new Set<number>();
  key: number;

  constructor(key: number) {
    this.key = key;
  }
}

/**
 * Groups of two workers for each node work on a key of their own: at each node one that reads, and one that writes.
 * With fewer workers than that, there is one group of all.
 */
class Groups {
  readonly #size: number;
  readonly #groups: readonly Group[];
  #nextKey: number;

  constructor(nodeCount: number, concurrency: number) {
    this.#size = Math.min(2 * nodeCount, concurrency);
    this.#groups = Array.from({ length: Math.floor(concurrency / this.#size) }, (_, key) => new Group(key));
    this.#nextKey = this.#groups.length;
  }

  draw({ worker, process }: Turn, random: SeededRandom): Invocation {
    const group = this.#groups[Math.min(this.#groups.length - 1, Math.floor(worker / this.#size))] as Group;
    group.processes.add(process);
    if (group.processes.size > PROCESSES_OF_KEY_MAX) {
      group.key = this.#nextKey++;
      group.processes.clear();
      group.processes.add(process);
    }
    const { key } = group;
    const place = worker % this.#size;
    const reads = this.#size === 1 ? random.integer(2) === 0 : place < this.#size / 2;
    if (reads) return { f: 'read', value: [key, null] };
    const value = () => random.integer(VALUES);
    if (random.integer(3) === 0) return { f: 'write', value: [key, value()] };
    return { f: 'cas', value: [key, [value(), value()]] };
  }
}

function testWith(nodeCount: number, concurrency: number, latencyMeanMs: number, strict: boolean): WorkloadTest {
  const groups = new Groups(nodeCount, concurrency);
  const timeoutMs = Math.max(LATENCIES_OF_TIMEOUT * latencyMeanMs, TIMEOUT_MS_MIN);
  return {
    reusableClients: true,
    idempotent: new Set(['read']),
    timeoutMs: () => timeoutMs,
    survivesDiskLoss: false,
    createGenerator: (random) => (turn) => groups.draw(turn, random),
    createInvoke: () => (client, invocation) => operationIn('lin-kv', OPERATIONS, invocation.f)(client, invocation),
    checker: () => linKvChecker({ strict }),
    createWorkCounter: () => () => true,
  };
}

export const linKv: TestedWorkload = {
  name: 'lin-kv',
  text: 'Reads, writes, compares and sets keys, each of which must be a linearizable register.',
  test: {
    ...testWith(1, 1, 0, false),
    configure: ({ nodes, concurrency, latencyMeanMs, strict }) =>
      testWith(nodes.length, concurrency, latencyMeanMs, strict),
  },
};
