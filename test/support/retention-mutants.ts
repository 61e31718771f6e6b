/** Instances that break a rule of retention, one rule each. */

import { HORIZON_KEY } from '../../src/kv/horizon.ts';
import { MemoryEngine } from '../../src/kv/memory-engine.ts';
import { Retention } from '../../src/kv/retention.ts';
import type { StoreEngine, StoreRead } from '../../src/kv/store.ts';
import { timeOfId } from '../../src/workloads/id-time.ts';
import { altered, type Mutant, RETAIN_MS, redirected } from './retention-rig.ts';

/** It removes what is below the horizon at once. */
const removesTooEarly: Mutant = {
  alter: (right, context, engine) => {
    const hasty = new Retention({ context, engine, retainMs: RETAIN_MS, graceMs: 80, timeOf: timeOfId });
    hasty.start();
    return altered(right, {
      require: (id) => {
        right.require(id);
        hasty.isCurrent(id);
      },
      add: (ending) => hasty.add(ending),
    });
  },
};

/** It removes what is old by its own clock, and tells nobody. */
const removesUnannounced: Mutant = {
  alter: (right, context, engine) => {
    const own = redirected(engine, HORIZON_KEY, new MemoryEngine());
    const secret = new Retention({ context, engine: own, retainMs: RETAIN_MS, graceMs: 400, timeOf: timeOfId });
    secret.start();
    return altered(right, {
      require: (id) => {
        right.require(id);
        secret.isCurrent(id);
      },
      add: (ending) => secret.add(ending),
    });
  },
};

const acceptsEverything: Mutant = {
  alter: (right) => altered(right, { require: () => {}, requireKept: () => {}, isKept: () => true }),
};

/** It reads the horizon once in its life, and believes that it has not moved since. */
const neverReadsAgain: Mutant = {
  see: (engine) => {
    let first: Promise<StoreRead> | undefined;
    const read = async () => {
      first ??= engine.read(HORIZON_KEY);
      const result = await first;
      if (result.kind === 'failed') first = undefined;
      return result;
    };
    const replace: StoreEngine['replace'] = async (...all) => engine.replace(...all);
    return redirected(engine, HORIZON_KEY, { read, replace });
  },
};

const remembersForEver: Mutant = { alter: (right) => altered(right, { isCurrent: () => true }) };

/** It looks at the id when a request comes, and not again when it is carried out. */
export const looksOnlyAtTheDoor: Mutant = {
  alter: (right) => {
    const known = new Set<string>();
    const require = (id: string) => {
      if (known.delete(id)) return;
      right.require(id);
      known.add(id);
    };
    return altered(right, { require });
  },
};

/** Its wallets forget requests that may still be repeated. */
const forgetsTooEarly: Mutant = { alter: (right) => altered(right, { isEnded: () => true }) };

/** Those that random runs find. */
export const RETENTION_MUTANTS: Readonly<Record<string, Mutant>> = {
  removesTooEarly,
  removesUnannounced,
  acceptsEverything,
  neverReadsAgain,
  remembersForEver,
  forgetsTooEarly,
};
