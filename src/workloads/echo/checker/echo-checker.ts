/**
 * Every answer to an echo must carry, under `echo`, the very value that was sent, by JSON equality (1 and 1.0 differ).
 *
 * The value of an `ok` is the whole body of the reply. Source: `maelstrom.workload.echo/checker`, which takes its pairs
 * from `knossos.history/pair-index`. That index has no entry for an `info`, so what nobody knows is no error; a `fail`
 * it has, and as a failed operation carries what was sent and not a reply with an `echo`, it is one. How many errors
 * are such refusals is told beside.
 */

import type { Checker } from '../../../checkers/checker.ts';
import { operationPairs } from '../../../checkers/pairs.ts';
import { exactEquals } from '../../../protocol/exact-json.ts';

const LISTED_ERRORS_MAX = 48;

type EchoError = readonly [string, unknown, string, unknown];

export function echoChecker(): Checker {
  return {
    check(_test, history) {
      const errors: EchoError[] = [];
      let errorCount = 0;
      let refusedCount = 0;
      for (const { invocation, completion } of operationPairs(history)) {
        if (completion.type === 'info' || exactEquals(invocation.value, echoOf(completion.value))) continue;
        errorCount++;
        if (completion.type === 'fail') refusedCount++;
        if (errors.length < LISTED_ERRORS_MAX) {
          errors.push(['Expected a message with :echo', invocation.value, 'But received', completion.value]);
        }
      }
      const refused = refusedCount === 0 ? {} : { 'refused-count': refusedCount };
      return { 'valid?': errorCount === 0, 'error-count': errorCount, ...refused, errors };
    },
  };
}

/** What a reply carries under `echo`; nothing equals null, as in Clojure. */
function echoOf(body: unknown): unknown {
  return typeof body === 'object' && body !== null ? (body as { echo?: unknown }).echo : undefined;
}
