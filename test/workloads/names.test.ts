/**
 * Names of a run on a system that keeps what other runs left: every name that reaches a node is new to the system, and
 * the checkers judge such a run as they judge any other.
 */

import { describe, expect, it } from 'vitest';
import type { RunOptions } from '../../src/harness/run-options.ts';
import { nameIn } from '../../src/harness/workload-test.ts';
import { createSettle } from '../../src/host/settle.ts';
import { clientNumber } from '../../src/protocol/client-id.ts';
import { fuzzOptions } from '../../src/search/fuzz-defaults.ts';
import { Simulation, type Subject } from '../../src/simulator/simulation.ts';
import { ids } from '../../src/workloads/ids/workload.ts';
import { subjectOf } from '../../src/workloads/registry.ts';
import { saga } from '../../src/workloads/saga/workload.ts';
import { voucher } from '../../src/workloads/voucher/workload.ts';
import type { Workload } from '../../src/workloads/workload.ts';
import { idsMutantSubject } from '../fixtures/mutants/ids.ts';
import { MUTANT_RULES } from '../fixtures/mutants/rules.ts';
import { sagaMutantSubject } from '../fixtures/mutants/saga.ts';
import { voucherMutantSubject } from '../fixtures/mutants/voucher.ts';
import { brokenRules, findFailure } from '../support/find-failure.ts';

const SEEDS_MAX = 20;

/** Fields of requests that hold a name, or a list of names. */
const NAME_FIELDS = new Set(['account', 'accounts', 'from', 'to', 'request_id', 'code', 'user', 'service', 'key']);

function* namesIn(body: Readonly<Record<string, unknown>>): IterableIterator<string> {
  for (const [field, value] of Object.entries(body)) {
    if (NAME_FIELDS.has(field)) yield* [value].flat() as string[];
    else if (field === 'legs') for (const leg of value as { account: string }[]) yield leg.account;
  }
}

/** A run, and the names in all requests of its clients. */
async function run(subject: Subject, own: Partial<RunOptions>) {
  const names = new Set<string>();
  const options = fuzzOptions({ seed: 'names', test: subject.test, ...own });
  const observer = {
    onMessage: (event: string, { src, body }: { src: string; body: Readonly<Record<string, unknown>> }) => {
      if (event !== 'send' || clientNumber(src) === undefined) return;
      for (const name of namesIn(body)) names.add(name);
    },
  };
  const { results } = await new Simulation({ subject, options, settle: createSettle(), observer }).finish();
  return { names, results };
}

/** The tests of a workload: its own, with every option that adds names, and the small one. */
const TESTS: readonly (readonly [string, Subject, Partial<RunOptions>])[] = [saga, voucher, ids].flatMap(
  (workload: Workload) => {
    const subject = subjectOf(workload);
    const mistakes = workload === saga && { workloadOptions: { mistakes: '4' } };
    const { small } = workload;
    const tests: [string, Subject, Partial<RunOptions>][] = [[workload.name, subject, mistakes || {}]];
    return small === undefined ? tests : [...tests, [`${workload.name}, small`, { ...subject, test: small }, {}]];
  },
);

describe.each(TESTS)('%s', (_, subject, own) => {
  it('has the text of its run in every name, under faults, and is valid', async () => {
    const one = await run(subject, { ...own, names: 'k3x9' });
    expect(brokenRules(one.results)).toEqual([]);
    expect(one.results['valid?']).toBe(true);
    expect(one.names.size).toBeGreaterThan(10);
    expect([...one.names].filter((name) => !name.includes('k3x9'))).toEqual([]);
    const other = await run(subject, { ...own, names: 'b07' });
    expect([...other.names].filter((name) => one.names.has(name))).toEqual([]);
  });

  it('asks the same without a text as with it, but for the names', async () => {
    const shorter = { ...own, timeLimitMs: 5000, faults: [] };
    const [named, unnamed] = await Promise.all([
      run(subject, { ...shorter, names: 'k3x9' }),
      run(subject, { ...shorter, names: '' }),
    ]);
    const withoutText = (name: string) => name.replaceAll('k3x9-', '');
    expect(new Set([...named.names].map(withoutText))).toEqual(unnamed.names);
  });
});

describe('what is wrong', () => {
  it.each([
    ['pays-unasked', sagaMutantSubject('pays-unasked')],
    ['closes-with-money', sagaMutantSubject('closes-with-money')],
    ['lends-rights', voucherMutantSubject('lends-rights')],
    ['wallet-overwritten', voucherMutantSubject('wallet-overwritten')],
    ['assigns-by-read-then-write', idsMutantSubject('assigns-by-read-then-write')],
  ])('is found with names, too: %s', async (name, subject) => {
    const found = await findFailure({ subject, settle: createSettle() }, 1, SEEDS_MAX, { names: 'k3x9' });
    expect(found && brokenRules(found.results)).toContain(MUTANT_RULES[name]);
  });
});

describe('a name', () => {
  it('is itself in a run without a text', () => {
    expect(nameIn('', 'hot')).toBe('hot');
    expect(nameIn('k3x9', 'hot')).toBe('k3x9-hot');
  });
});
