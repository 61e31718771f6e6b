/** Checkers to build from, for workloads of an author's. */

import type { Checker } from '../checkers/checker.ts';
import { independentResult, keyText, partsByKey, unkeyedValueAt } from '../checkers/independent.ts';
import { collectCalls } from '../checkers/linearizability/calls.ts';
import { linearizableResult } from '../checkers/linearizability/linearizable.ts';
import type { Model } from '../checkers/linearizability/model.ts';
import { setFullChecker } from '../checkers/set-full.ts';

/** One object, or many. */
export interface LinearizableOptions<State> {
  /** What the object does; small states make it fast. */
  readonly model: Model<State>;
  /** Whether each value is a pair `[key, value]`, and each key an object of its own. Default: false. */
  readonly perKey?: boolean;
}

/**
 * The operations must have an order that the model allows, in which each takes effect between its invocation and its
 * completion (Herlihy and Wing, "Linearizability", 1990). What failed never happened, and what is undecided may have
 * happened at any time.
 */
export function linearizable<State>({ model, perKey = false }: LinearizableOptions<State>): Checker {
  return {
    check(_test, history) {
      if (!perKey) {
        const indices = Array.from({ length: history.length }, (_, index) => index);
        const events = indices.filter((index) => !history.isNemesisAt(index));
        return linearizableResult(collectCalls(history, events), { model });
      }
      const valueAt = unkeyedValueAt(history);
      return independentResult(partsByKey(history), ({ key, events }) =>
        linearizableResult(collectCalls(history, events, { valueAt }), { model, name: `the key ${keyText(key)}` }),
      );
    },
  };
}

/**
 * A set: what was added stays, and every `read` that begins after an add was seen shows it (Jepsen's `set-full`).
 *
 * @param add the function that adds its value
 */
export function growingSet({ add = 'add' }: { readonly add?: string } = {}): Checker {
  return setFullChecker({ add, strict: false });
}
