/**
 * The tests of g-counter and pn-counter: a counter that is added to, without and with negative numbers. Sources:
 * `maelstrom.workload.pn-counter`, and `maelstrom.workload.g-counter`, which leaves its negative adds out.
 */

import * as z from 'zod';
import { completeIndefinite, completeWith } from '../../harness/client.ts';
import {
  type Invocation,
  type Invoke,
  operationIn,
  type WorkloadOption,
  type WorkloadTest,
} from '../../harness/workload-test.ts';
import { isExactInteger } from '../../protocol/exact-json.ts';
import type { SeededRandom } from '../../protocol/random.ts';
import { defineRpc } from '../../protocol/rpc.ts';
import { CALM_MS, FINAL_READS } from '../mixed-operations.ts';
import type { Workload } from '../workload.ts';
import { pnCounterChecker } from './checker/pn-counter-checker.ts';
import { Add, Read } from './messages.ts';
import { type CounterLimits, gCounterNode, pnCounterNode } from './node.ts';

/** Adds are from −5 to 4. */
const DELTAS = 10;
const DELTA_MIN = -5;

/** What a client accepts from any node: 3.0 is no integer, as in Maelstrom, and one beyond 2^53 is. */
const ReadAny = defineRpc('read', Read.text, {}, { value: z.custom<unknown>(isExactInteger, 'expected an integer') });

const OPERATIONS = new Map<string, Invoke>([
  [
    'add',
    async (client, { value }) => completeWith(await client.rpc(Add, { delta: value as number }), value, () => value),
  ],
  ['read', async (client) => completeWith(await client.rpc(ReadAny, {}), null, (body) => body.value)],
]);

/** From the negative of it to it. A run of minutes still has sums below 2^53. */
const WIDE_MAX = 2 ** 36;

interface CounterTestOptions {
  /** Whether no number is negative. */
  readonly grows: boolean;
  readonly wide: boolean;
  readonly strict: boolean;
}

/** In a counter that grows half of the small adds are left out, so a third of the operations are adds. */
function createDraw({ grows, wide }: CounterTestOptions): (random: SeededRandom) => Invocation {
  const drawDelta = (random: SeededRandom) => {
    if (!wide) return DELTA_MIN + random.integer(DELTAS);
    return random.integer(WIDE_MAX) - (grows ? 0 : random.integer(WIDE_MAX));
  };
  return (random) => {
    for (;;) {
      if (random.integer(2) === 1) return { f: 'read', value: null };
      const value = drawDelta(random);
      if (!grows || value >= 0) return { f: 'add', value };
    }
  };
}

function testWith(options: CounterTestOptions): WorkloadTest {
  const draw = createDraw(options);
  return {
    reusableClients: false,
    survivesDiskLoss: false,
    createGenerator: (random) => () => draw(random),
    createInvoke: () => async (client, invocation) =>
      completeIndefinite(await operationIn('pn-counter', OPERATIONS, invocation.f)(client, invocation)),
    calmMs: CALM_MS,
    createFinalInvocations: () => FINAL_READS,
    checker: () => pnCounterChecker({ strict: options.strict, far: options.wide }),
    createWorkCounter: () => () => true,
  };
}

const DELTAS_OPTION: WorkloadOption = {
  value: 'small|wide',
  text: `small: numbers as Maelstrom draws them. wide: up to 2^36, so that under faults undecided
adds cannot make up for a lost or doubled one. Default: small.`,
  absent: 'small',
  parse: (text) => {
    if (text !== 'small' && text !== 'wide') throw new Error('expected small or wide');
    return text;
  },
  drawn: ['wide'],
};

function createCounterTest(grows: boolean): WorkloadTest {
  return {
    ...testWith({ grows, wide: false, strict: false }),
    options: { deltas: DELTAS_OPTION },
    configure: ({ strict, options: { deltas } }) => testWith({ grows, wide: deltas === 'wide', strict }),
  };
}

/** Small enough that a short run has several pages, and writes its journal anew. */
const LIMITS = {
  gossip: [100, 1000],
  page: [1, 2],
  journal: [100, 1000],
} satisfies Record<keyof CounterLimits, readonly number[]>;

export const pnCounter: Workload = {
  ...pnCounterNode,
  text: 'Adds to a counter, also negative numbers, and expects all nodes to show the sum.',
  test: createCounterTest(false),
  limits: LIMITS,
};

export const gCounter: Workload = {
  ...gCounterNode,
  text: 'Adds to a counter, and expects all nodes to show the sum.',
  test: createCounterTest(true),
  limits: LIMITS,
};
