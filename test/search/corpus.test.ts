/**
 * The regression corpus: schedules that once made something fail, as `snowstorm fuzz` writes them, in a folder by the
 * name of what failed. Every mutant has one and must fail under it again, by the rule that it is there for; what is
 * right must be valid under all of them. So what the searches of the long suite find is checked in seconds.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseReplay, type Replay } from '../../src/harness/replay.ts';
import { createSettle } from '../../src/host/settle.ts';
import { failureSignature } from '../../src/search/failure.ts';
import { eventCount } from '../../src/search/fuzz.ts';
import { Simulation, type Subject } from '../../src/simulator/simulation.ts';
import { findWorkload, subjectOf } from '../../src/workloads/registry.ts';
import type { Workload } from '../../src/workloads/workload.ts';
import { BROADCAST_MUTANTS, type BroadcastMutantName, broadcastMutantSubject } from '../fixtures/mutants/broadcast.ts';
import { COUNTER_MUTANTS, type CounterMutantName, counterMutantSubject } from '../fixtures/mutants/counter.ts';
import { IDS_MUTANTS, type IdsMutantName, idsMutantSubject } from '../fixtures/mutants/ids.ts';
import { KAFKA_MUTANTS, type KafkaMutantName, kafkaMutantSubject } from '../fixtures/mutants/kafka.ts';
import { LIN_KV_MUTANTS, type LinKvMutantName, linKvMutantSubject } from '../fixtures/mutants/lin-kv.ts';
import {
  LIST_APPEND_MUTANTS,
  type ListAppendMutantName,
  listAppendMutantSubject,
} from '../fixtures/mutants/list-append.ts';
import { MUTANT_RULES } from '../fixtures/mutants/rules.ts';
import {
  RW_REGISTER_MUTANTS,
  type RwRegisterMutantName,
  rwRegisterMutantSubject,
} from '../fixtures/mutants/rw-register.ts';
import { SAGA_MUTANTS, type SagaMutantName, sagaMutantSubject } from '../fixtures/mutants/saga.ts';
import { MUTANTS, type MutantName, mutantSubject } from '../fixtures/mutants/unique-ids.ts';
import { VOUCHER_MUTANTS, type VoucherMutantName, voucherMutantSubject } from '../fixtures/mutants/voucher.ts';
import { brokenRules } from '../support/find-failure.ts';
import { withRejectionsReported } from '../support/reported-rejections.ts';

const EVENTS_MAX = 10;

/** Among the mutants, and none: the right node with its bound in a store, to be held against them. */
const RIGHT: ReadonlySet<string> = new Set(['ids-in-the-store']);

/** What is rejected on purpose is nothing to the test runner. */
const UNHANDLED_REJECTION = 'protocol:unhandled-rejection';

const CORPUS = fileURLToPath(new URL('../data/schedules/', import.meta.url));

const ENTRIES = readdirSync(CORPUS).flatMap((subject) =>
  readdirSync(join(CORPUS, subject)).map((file) => ({ subject, file })),
);

/** The mutant by whose name a folder goes; undefined: it is a right workload's. */
function findMutant(name: string): Subject | undefined {
  if (name in MUTANTS) return mutantSubject(name as MutantName);
  if (name in VOUCHER_MUTANTS) return voucherMutantSubject(name as VoucherMutantName);
  if (name in LIN_KV_MUTANTS) return linKvMutantSubject(name as LinKvMutantName);
  if (name in SAGA_MUTANTS) return sagaMutantSubject(name as SagaMutantName);
  if (name in COUNTER_MUTANTS) return counterMutantSubject(name as CounterMutantName);
  if (name in KAFKA_MUTANTS) return kafkaMutantSubject(name as KafkaMutantName);
  if (name in BROADCAST_MUTANTS) return broadcastMutantSubject(name as BroadcastMutantName);
  if (name in LIST_APPEND_MUTANTS) return listAppendMutantSubject(name as ListAppendMutantName);
  if (name in RW_REGISTER_MUTANTS) return rwRegisterMutantSubject(name as RwRegisterMutantName);
  return name in IDS_MUTANTS ? idsMutantSubject(name as IdsMutantName) : undefined;
}

async function play(
  subject: Subject,
  { options, schedule }: Replay,
  onRun: (simulation: Simulation) => void = () => {},
) {
  const simulation = new Simulation({ subject, options: { ...options, schedule }, settle: createSettle() });
  onRun(simulation);
  return (await simulation.finish()).results;
}

describe.each(ENTRIES)('the schedule $subject/$file', ({ subject, file }) => {
  const replay = parseReplay(readFileSync(join(CORPUS, subject, file), 'utf8'));

  const mutant = findMutant(subject);

  it('is survived by the workload', async () => {
    // Under the test that its mutant failed, which need not be the one of every day.
    const right = subjectOf(findWorkload(replay.workload) as Workload);
    expect(failureSignature(await play({ ...right, test: mutant?.test ?? right.test }, replay))).toEqual([]);
  });

  if (mutant === undefined) return;
  it('is not survived by the mutant, which breaks the rule that it is there for', async () => {
    const rule = MUTANT_RULES[subject];
    const results =
      rule === UNHANDLED_REJECTION
        ? await withRejectionsReported((onRun) => play(mutant, replay, onRun))
        : await play(mutant, replay);
    expect([...failureSignature(results), ...brokenRules(results)]).toContain(rule);
  });
});

it('lies in folders that have the name of a mutant or of a workload', () => {
  const strangers = ENTRIES.filter(({ subject }) => findMutant(subject) === undefined && !findWorkload(subject));
  expect(strangers).toEqual([]);
});

/** Other than the fuzz itself, which would take too long to make all of them small. */
it('has small schedules of the mutants of voucher and pn-counter', () => {
  const small = { ...VOUCHER_MUTANTS, ...COUNTER_MUTANTS };
  for (const { subject, file } of ENTRIES.filter((entry) => entry.subject in small)) {
    const { schedule } = parseReplay(readFileSync(join(CORPUS, subject, file), 'utf8'));
    expect(eventCount(schedule), `${subject}/${file}`).toBeLessThanOrEqual(EVENTS_MAX);
  }
});

it('has a schedule for every mutant', () => {
  const mutants = Object.keys({
    ...BROADCAST_MUTANTS,
    ...COUNTER_MUTANTS,
    ...IDS_MUTANTS,
    ...KAFKA_MUTANTS,
    ...LIN_KV_MUTANTS,
    ...LIST_APPEND_MUTANTS,
    ...MUTANTS,
    ...RW_REGISTER_MUTANTS,
    ...SAGA_MUTANTS,
    ...VOUCHER_MUTANTS,
  });
  const recorded = new Set(ENTRIES.map(({ subject }) => subject));
  const missing = mutants.filter((name) => !recorded.has(name));
  expect(missing).toEqual([...RIGHT]);
  expect(Object.keys(MUTANT_RULES).sort()).toEqual(mutants.filter((name) => !RIGHT.has(name)).sort());
});
