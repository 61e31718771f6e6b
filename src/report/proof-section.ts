/** What proves that a run is invalid: the rules broken, and the operations that show it. */

import type { NamedProof } from '../checkers/evidence.ts';
import { invocationsOf } from '../checkers/pairs.ts';
import type { History } from '../history/history.ts';
import { excerpt } from '../protocol/excerpt.ts';
import { nodeOf } from '../search/smaller-runs.ts';
import { renderCycle } from './cycle-picture.ts';
import { type Markup, markup } from './markup.ts';
import { describeOperation, writeValue } from './operation-words.ts';
import { renderOrder } from './order-picture.ts';
import type { RunRecord } from './run-record.ts';
import { writeCount, writeInstant } from './scales.ts';

const SHOWN_MAX = 12;
const OPERATIONS_MAX = 8;
const FACTS_LENGTH_MAX = 600;

export function renderProofs(
  proofs: readonly NamedProof[],
  history: History,
  { concurrency, nodes }: Pick<RunRecord, 'concurrency' | 'nodes'>,
): Markup {
  const invocations = invocationsOf(history, new Set(proofs.flatMap(operationsOf)));
  const tellClient = (operation: number) => {
    const worker = history.processAt(operation) % concurrency;
    return `client ${worker} at ${nodeOf({ nodes }, worker)}`;
  };
  // What never ended is named by its invocation.
  const describe = (operation: number) =>
    history.typeAt(operation) === 'invoke'
      ? describeOperation(history, operation, undefined)
      : describeOperation(history, invocations.get(operation) ?? operation, operation);
  const tell = (operation: number) =>
    markup`<span class="when">${writeInstant(history.timeAt(operation))}</span> ${tellClient(operation)}: <code>${describe(operation)}</code>`;
  return markup`<ol class="proofs">${proofs.slice(0, SHOWN_MAX).map(
    ({
      checker,
      rule,
      problem,
      facts,
      operations,
      operationCount,
      time,
      cycle,
      order,
    }) => markup`<li><p><b>${rule ?? checker}</b>: ${excerpt(problem, FACTS_LENGTH_MAX)}${time !== undefined && operations.length === 0 && ` (at ${writeInstant(time)})`}</p>
${Object.keys(facts).length > 0 && markup`<p><code class="said">${writeValue(facts, FACTS_LENGTH_MAX)}</code></p>`}
${
  cycle === undefined
    ? operations.length > 0 &&
      markup`<ul class="proof-operations">${operations
        .slice(0, OPERATIONS_MAX)
        .map(
          (operation) => markup`<li>${tell(operation)}</li>`,
        )}${operationCount > OPERATIONS_MAX && markup`<li>… and ${writeCount(operationCount - OPERATIONS_MAX)} more</li>`}</ul>`
    : renderCycle(cycle, operationCount, tell)
}${order !== undefined && renderOrder({ order, others: operations, history, invocations, tell })}</li>
`,
  )}</ol>
${proofs.length > SHOWN_MAX && markup`<p>… and more; results.json has what the checkers listed.</p>`}`;
}

function operationsOf({ operations, cycle = [], order }: NamedProof): readonly number[] {
  const ordered = order === undefined ? [] : [...order.steps, order.misfit];
  return [...operations, ...[...cycle, ...ordered].map(({ operation }) => operation)];
}
