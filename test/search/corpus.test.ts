/**
 * The regression corpus: schedules that once made something fail, as `snowstorm fuzz` writes them, in a folder by the name of what failed. A mutant must
 * fail under its own again; what is right must be valid under all of them.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createSettle } from '../../src/host/settle.ts';
import { failureSignature } from '../../src/search/failure.ts';
import { eventCount } from '../../src/search/fuzz.ts';
import { parseReplay, type Replay } from '../../src/simulator/schedule.ts';
import { Simulation, type Subject } from '../../src/simulator/simulation.ts';
import { findWorkload, subjectOf } from '../../src/workloads/registry.ts';
import type { Workload } from '../../src/workloads/workload.ts';
import { IDS_MUTANTS, type IdsMutantName, idsMutantSubject } from '../fixtures/mutants/ids.ts';
import { SAGA_MUTANTS, type SagaMutantName, sagaMutantSubject } from '../fixtures/mutants/saga.ts';
import { MUTANTS, type MutantName, mutantSubject } from '../fixtures/mutants/unique-ids.ts';
import { VOUCHER_MUTANTS, type VoucherMutantName, voucherMutantSubject } from '../fixtures/mutants/voucher.ts';

const EVENTS_MAX = 10;

const CORPUS = fileURLToPath(new URL('../data/schedules/', import.meta.url));

const ENTRIES = readdirSync(CORPUS).flatMap((subject) =>
  readdirSync(join(CORPUS, subject)).map((file) => ({ subject, file })),
);

/** The mutant by whose name a folder goes; undefined: it is a right workload's. */
function findMutant(name: string): Subject | undefined {
  if (name in MUTANTS) return mutantSubject(name as MutantName);
  if (name in VOUCHER_MUTANTS) return voucherMutantSubject(name as VoucherMutantName);
  if (name in SAGA_MUTANTS) return sagaMutantSubject(name as SagaMutantName);
  return name in IDS_MUTANTS ? idsMutantSubject(name as IdsMutantName) : undefined;
}

async function play(subject: Subject, { options, schedule }: Replay) {
  return (await new Simulation({ subject, options: { ...options, schedule }, settle: createSettle() }).finish())
    .results;
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
  it('is not survived by the mutant', async () => {
    expect(failureSignature(await play(mutant, replay))).not.toEqual([]);
  });
});

it('lies in folders that have the name of a mutant or of a workload', () => {
  const strangers = ENTRIES.filter(({ subject }) => findMutant(subject) === undefined && !findWorkload(subject));
  expect(strangers).toEqual([]);
});

/** Other than the fuzz itself, which would take too long to make all of them small. */
it('has small schedules of the mutants of voucher', () => {
  for (const { subject, file } of ENTRIES.filter((entry) => entry.subject in VOUCHER_MUTANTS)) {
    const { schedule } = parseReplay(readFileSync(join(CORPUS, subject, file), 'utf8'));
    expect(eventCount(schedule), `${subject}/${file}`).toBeLessThanOrEqual(EVENTS_MAX);
  }
});

it('has an entry for mutants of every kind', () => {
  const subjects = new Set(ENTRIES.map(({ subject }) => subject));
  expect([...subjects]).toEqual(expect.arrayContaining(Object.keys({ ...IDS_MUTANTS, ...VOUCHER_MUTANTS })));
  expect([...subjects].filter((subject) => subject in MUTANTS).length).toBeGreaterThanOrEqual(5);
  expect([...subjects].filter((subject) => subject in SAGA_MUTANTS).length).toBeGreaterThanOrEqual(15);
});
