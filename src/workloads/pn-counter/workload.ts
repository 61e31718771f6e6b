/**
 * The tests of g-counter and pn-counter: a counter that is added to, without and with negative numbers. Sources:
 * `maelstrom.workload.pn-counter`, and `maelstrom.workload.g-counter`, which leaves its negative adds out.
 */

import { completeIndefinite, completeWith } from '../../harness/client.ts';
import { type Invocation, type Invoke, operationIn, type WorkloadTest } from '../../harness/workload-test.ts';
import type { SeededRandom } from '../../protocol/random.ts';
import { CALM_MS, FINAL_READS } from '../mixed-operations.ts';
import type { TestedWorkload } from '../workload.ts';
import { pnCounterChecker } from './checker/pn-counter-checker.ts';
import { Add, Read } from './messages.ts';

/** Adds are from −5 to 4. */
const DELTAS = 10;
const DELTA_MIN = -5;

const OPERATIONS = new Map<string, Invoke>([
  ['add', async (client, { value }) => completeWith(await client.rpc(Add, { delta: value }), value, () => value)],
  ['read', async (client) => completeWith(await client.rpc(Read, {}), null, (body) => body.value)],
]);

function drawOperation(random: SeededRandom): Invocation {
  return random.integer(2) === 0 ? { f: 'add', value: DELTA_MIN + random.integer(DELTAS) } : { f: 'read', value: null };
}

/** Half of the adds are left out, so a third of the operations are adds. */
function drawGrowing(random: SeededRandom): Invocation {
  for (;;) {
    const drawn = drawOperation(random);
    if (drawn.f === 'read' || (drawn.value as number) >= 0) return drawn;
  }
}

function testWith(draw: (random: SeededRandom) => Invocation, strict: boolean): WorkloadTest {
  return {
    reusableClients: false,
    survivesDiskLoss: false,
    createGenerator: (random) => () => draw(random),
    createInvoke: () => async (client, invocation) =>
      completeIndefinite(await operationIn('pn-counter', OPERATIONS, invocation.f)(client, invocation)),
    calmMs: CALM_MS,
    createFinalInvocations: () => FINAL_READS,
    checker: () => pnCounterChecker({ strict }),
    createWorkCounter: () => () => true,
  };
}

export const pnCounter: TestedWorkload = {
  name: 'pn-counter',
  text: 'Adds to a counter, also negative numbers, and expects all nodes to show the sum.',
  test: { ...testWith(drawOperation, false), configure: ({ strict }) => testWith(drawOperation, strict) },
};

export const gCounter: TestedWorkload = {
  name: 'g-counter',
  text: 'Adds to a counter, and expects all nodes to show the sum.',
  test: { ...testWith(drawGrowing, false), configure: ({ strict }) => testWith(drawGrowing, strict) },
};
