/**
 * Sets: hand-written histories with their whole results, then histories from seeds, held against the definition as
 * Jepsen's code has it: every element is visited at every read.
 */

import { describe, expect, it } from 'vitest';
import { type SetFullOptions, setFullChecker } from '../../src/checkers/set-full.ts';
import { History } from '../../src/history/history.ts';
import type { Operation, OperationEntry } from '../../src/history/operation.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { fail, handwritten, info, invoke, ok, THREE_NODES, withoutEvidence } from '../support/histories.ts';

const judge = (history: History, options: Partial<SetFullOptions> = {}) =>
  setFullChecker({ add: 'add', strict: false, ...options }).check(THREE_NODES, history);

/** The result without proofs and without what is beyond Jepsen. */
function plain(history: History) {
  const { beyond: _, ...result } = withoutEvidence(judge(history));
  return result;
}

const beyondOf = (history: History) => judge(history).beyond as Record<string, { count: number; examples: unknown[] }>;

const NOTHING = {
  'worst-stale': [],
  'duplicated-count': 0,
  'lost-count': 0,
  lost: [],
  'stable-count': 0,
  'stale-count': 0,
  stale: [],
  'never-read-count': 0,
  'attempt-count': 0,
  'never-read': [],
  duplicated: {},
};

const ZEROES = { 0: 0, 0.5: 0, 0.95: 0, 0.99: 0, 1: 0 };
const quantiles = (ms: number) => ({ 0: ms, 0.5: ms, 0.95: ms, 0.99: ms, 1: ms });

describe('an element', () => {
  it('that is read after its add is stable', () => {
    const history = handwritten(invoke(0, 'add', 7), ok(0, 'add', 7), invoke(1, 'read'), ok(1, 'read', [7]));
    expect(plain(history)).toEqual({
      ...NOTHING,
      'valid?': true,
      'attempt-count': 1,
      'stable-count': 1,
      'stable-latencies': ZEROES,
    });
  });

  it('that no read shows is never read, and a run without any other is unknown', () => {
    const history = handwritten(invoke(0, 'add', 7), ok(0, 'add', 7), invoke(1, 'read'), fail(1, 'read'));
    const result = { ...NOTHING, 'valid?': 'unknown', 'attempt-count': 1, 'never-read-count': 1, 'never-read': [7] };
    expect(plain(history)).toEqual(result);
    expect(judge(history).summary).toBe('No read shows anything that was added.');
  });

  it('that a read lacks which began before the acknowledgement is never read', () => {
    const history = handwritten(invoke(0, 'add', 7), invoke(1, 'read'), ok(0, 'add', 7), ok(1, 'read', []));
    expect(plain(history)).toMatchObject({ 'valid?': 'unknown', 'never-read': [7] });
  });

  it('that is acknowledged and never shown is lost', () => {
    const history = handwritten(
      ...[invoke(0, 'add', 7), ok(0, 'add', 7), invoke(0, 'add', 8), ok(0, 'add', 8)],
      ...[invoke(1, 'read', null, 10), ok(1, 'read', [8], 11)],
    );
    expect(judge(history)).toEqual({
      ...NOTHING,
      'valid?': false,
      'attempt-count': 2,
      'stable-count': 1,
      'stable-latencies': ZEROES,
      'lost-count': 1,
      lost: [7],
      'lost-latencies': ZEROES,
      beyond: { 'valid?': true },
      proofs: [{ problem: '7 was lost', facts: { element: 7, 'last-absent': 4 }, operations: [1], operationCount: 1 }],
      summary: '1 element was lost, for instance 7.',
    });
  });

  it('that a read showed and later ones lack is lost though its add is undecided', () => {
    const history = handwritten(
      ...[invoke(0, 'add', 7, 0), info(0, 'add', 7, 1)],
      ...[invoke(1, 'read', null, 2), ok(1, 'read', [7], 5)],
      ...[invoke(2, 'read', null, 10), ok(2, 'read', [], 11)],
    );
    // Known at 5 ms, last present in a read that began at 2 ms: lost after no time.
    expect(plain(history)).toMatchObject({ 'valid?': false, lost: [7], 'lost-latencies': quantiles(0) });
  });

  it('that reads lack for a while is stale', () => {
    const history = handwritten(
      ...[invoke(0, 'add', 7, 0), ok(0, 'add', 7, 1)],
      ...[invoke(1, 'read', null, 4), ok(1, 'read', [], 5)],
      ...[invoke(1, 'read', null, 6), ok(1, 'read', [7], 7)],
    );
    expect(plain(history)).toEqual({
      ...NOTHING,
      'valid?': true,
      'attempt-count': 1,
      'stable-count': 1,
      'stale-count': 1,
      stale: [7],
      'stable-latencies': quantiles(3),
      'worst-stale': [
        {
          element: 7,
          outcome: 'stable',
          'stable-latency': 3,
          'lost-latency': null,
          known: { index: 1, time: 1e6, type: 'ok', process: 0, f: 'add', value: 7 },
          'last-absent': { index: 2, time: 4e6, type: 'invoke', process: 1, f: 'read', value: null },
        },
      ],
    });
  });

  it('that is stale for less than a millisecond is not stale', () => {
    const history = handwritten(
      ...[invoke(0, 'add', 7, 0), ok(0, 'add', 7, 1)],
      ...[invoke(1, 'read', null, 1.9), ok(1, 'read', [], 2)],
      ...[invoke(1, 'read', null, 6), ok(1, 'read', [7], 7)],
    );
    expect(plain(history)).toMatchObject({ 'stale-count': 0, 'stable-latencies': ZEROES });
  });

  it('is stale until a nanosecond after the last read that lacks it began', () => {
    const history = handwritten(
      ...[invoke(0, 'add', 7, 0), ok(0, 'add', 7, 1)],
      ...[invoke(1, 'read', null, 1.999999), ok(1, 'read', [], 2)],
      ...[invoke(1, 'read', null, 6), ok(1, 'read', [7], 7)],
    );
    expect(plain(history)).toMatchObject({ stale: [7], 'stable-latencies': quantiles(1) });
  });

  it('that is added twice is judged from its last add on', () => {
    const history = handwritten(
      ...[invoke(0, 'add', 7), ok(0, 'add', 7), invoke(1, 'read'), ok(1, 'read', [])],
      ...[invoke(0, 'add', 7), ok(0, 'add', 7)],
    );
    expect(plain(history)).toMatchObject({ 'valid?': 'unknown', 'attempt-count': 1, 'never-read': [7] });
  });

  it('may be any JSON', () => {
    const history = handwritten(
      ...[invoke(0, 'add', { b: 1, a: [2] }), ok(0, 'add', { b: 1, a: [2] }), invoke(0, 'add', 'x'), ok(0, 'add', 'x')],
      ...[invoke(1, 'read'), ok(1, 'read', [{ a: [2], b: 1 }])],
    );
    expect(plain(history)).toMatchObject({ 'valid?': false, lost: ['x'], 'stable-count': 1 });
  });
});

describe('beyond Jepsen', () => {
  const adds = [invoke(0, 'add', 1), ok(0, 'add', 1)];

  it('a phantom is found: an element that no client added', () => {
    const history = handwritten(
      ...adds,
      invoke(1, 'read'),
      ok(1, 'read', [1, 9]),
      invoke(1, 'read'),
      ok(1, 'read', [1, 9]),
    );
    expect(beyondOf(history)).toEqual({
      'valid?': false,
      'no-phantoms': {
        count: 1,
        examples: [{ problem: 'a read shows 9 before anybody added it', element: 9, operation: 3 }],
      },
    });
  });

  it('a phantom is found: an element that is added later', () => {
    const history = handwritten(invoke(1, 'read'), ok(1, 'read', [1]), ...adds);
    expect(beyondOf(history)['no-phantoms']?.count).toBe(1);
  });

  it('a phantom is found: an element that was refused', () => {
    const history = handwritten(invoke(0, 'add', 1), fail(0, 'add', 1), invoke(1, 'read'), ok(1, 'read', [1]));
    const example = { problem: 'a read shows 1 though its add was refused', element: 1, operation: 3 };
    expect(beyondOf(history)['no-phantoms']?.examples).toEqual([example]);
  });

  it('an element that was refused once and then added is none', () => {
    const history = handwritten(invoke(0, 'add', 1), fail(0, 'add', 1), ...adds, invoke(1, 'read'), ok(1, 'read', [1]));
    expect(beyondOf(history)).toEqual({ 'valid?': true });
  });

  it('an element that is read while its add is in flight is none', () => {
    const history = handwritten(invoke(1, 'read'), invoke(0, 'add', 1), ok(1, 'read', [1]), info(0, 'add', 1));
    expect(beyondOf(history)).toEqual({ 'valid?': true });
  });

  it('a duplicate is found', () => {
    const history = handwritten(...adds, invoke(1, 'read'), ok(1, 'read', [1, 1]));
    expect(beyondOf(history)).toEqual({
      'valid?': false,
      'no-duplicates': {
        count: 1,
        examples: [{ problem: 'a read shows 1 more than once', element: 1, operation: 3 }],
      },
    });
  });

  it('a final read is found that lacks what was acknowledged, though another one has it', () => {
    const final = { 'final?': true } as const;
    const history = handwritten(
      ...adds,
      ...[
        { ...invoke(1, 'read'), ...final },
        { ...ok(1, 'read', []), ...final },
      ],
      ...[
        { ...invoke(2, 'read'), ...final },
        { ...ok(2, 'read', [1]), ...final },
      ],
    );
    expect(plain(history)['valid?']).toBe(true);
    expect(beyondOf(history)).toEqual({
      'valid?': false,
      'final-reads-are-complete': {
        count: 1,
        examples: [{ problem: 'a final read lacks 1, which was acknowledged before', element: 1, operations: [1, 3] }],
      },
    });
  });

  it('a breach is no part of the verdict unless it is strict', () => {
    const history = handwritten(...adds, invoke(1, 'read'), ok(1, 'read', [1, 1]));
    expect(judge(history)['valid?']).toBe(true);
    const strict = judge(history, { strict: true });
    expect(strict).toMatchObject({ 'valid?': false, summary: 'A read shows 1 more than once (no-duplicates: 1).' });
    expect(strict.proofs).toEqual([
      {
        rule: 'no-duplicates',
        problem: 'a read shows 1 more than once',
        facts: { element: 1 },
        operations: [3],
        operationCount: 1,
      },
    ]);
  });
});

/** What Jepsen's code keeps of an element. */
interface State {
  known?: Operation;
  lastPresent?: Operation;
  lastAbsent?: Operation;
}

/** `jepsen.checker/set-full`, line by line, and the rules beyond it by their words. */
function definition(history: History) {
  const elements = new Map<number, State>();
  const open = new Map<Operation['process'], Operation>();
  const refused = refusedInvocations(history);
  const possible = new Set<number>();
  const acknowledged = new Map<number, number>();
  const phantoms = new Set<number>();
  const duplicates = new Set<number>();
  const missed = new Set<number>();
  for (const operation of history) {
    const { f, type, process, value } = operation;
    const invocation = open.get(process) as Operation;
    if (type === 'invoke') open.set(process, operation);
    if (f === 'add') {
      const element = value as number;
      if (type === 'invoke') {
        elements.set(element, {});
        if (!refused.has(operation.index)) possible.add(element);
      } else if (type === 'ok') {
        const state = elements.get(element) as State;
        state.known ??= operation;
        if (!acknowledged.has(element)) acknowledged.set(element, operation.index);
      }
      continue;
    }
    if (type !== 'ok') continue;
    const shown = value as number[];
    const present = new Set(shown);
    for (const [element, state] of elements) {
      if (present.has(element)) {
        state.known ??= operation;
        if ((state.lastPresent?.index ?? -1) < invocation.index) state.lastPresent = invocation;
      } else if ((state.lastAbsent?.index ?? -1) < invocation.index) state.lastAbsent = invocation;
    }
    for (const element of shown) {
      if (!possible.has(element)) phantoms.add(element);
      if (shown.indexOf(element) !== shown.lastIndexOf(element)) duplicates.add(element);
    }
    if (operation['final?'])
      for (const [element, at] of acknowledged) if (at < invocation.index && !present.has(element)) missed.add(element);
  }
  const outcomes = [...elements].map(([element, { known, lastPresent, lastAbsent }]) => {
    const [present, absent] = [lastPresent?.index ?? -1, lastAbsent?.index ?? -1];
    const isStable = lastPresent !== undefined && absent < present;
    const isLost = known !== undefined && lastAbsent !== undefined && present < absent && known.index < absent;
    const until = isStable ? lastAbsent : lastPresent;
    const end = until === undefined ? 0 : until.time + 1;
    const latency = Math.trunc(Math.max(0, end - (known?.time ?? 0)) / 1e6);
    return { element, outcome: isStable ? 'stable' : isLost ? 'lost' : 'never-read', latency, known, lastAbsent };
  });
  const having = (outcome: string) => outcomes.filter((one) => one.outcome === outcome);
  const values = (of: typeof outcomes) => of.map(({ element }) => element).sort((one, other) => one - other);
  const stale = having('stable').filter(({ latency }) => latency > 0);
  const latencies = (of: typeof outcomes) => {
    const sorted = of.map(({ latency }) => latency).sort((one, other) => one - other);
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
    return Object.fromEntries([0, 0.5, 0.95, 0.99, 1].map((share) => [share, at(share)]));
  };
  const sorted = (set: ReadonlySet<number>) => [...set].sort((one, other) => one - other);
  return {
    result: {
      'valid?': having('lost').length > 0 ? false : having('stable').length === 0 ? 'unknown' : true,
      'attempt-count': outcomes.length,
      lost: values(having('lost')),
      'stable-count': having('stable').length,
      'never-read': values(having('never-read')),
      stale: values(stale),
      ...(having('stable').length > 0 && { 'stable-latencies': latencies(having('stable')) }),
      ...(having('lost').length > 0 && { 'lost-latencies': latencies(having('lost')) }),
      known: stale.map(({ known }) => known?.index).sort((one = 0, other = 0) => one - other),
    },
    beyond: { phantoms: sorted(phantoms), duplicates: sorted(duplicates), missed: sorted(missed) },
  };
}

function refusedInvocations(history: History): ReadonlySet<number> {
  const open = new Map<Operation['process'], number>();
  const refused = new Set<number>();
  for (const { index, type, process } of history) {
    if (type === 'invoke') open.set(process, index);
    else if (type === 'fail') refused.add(open.get(process) as number);
  }
  return refused;
}

/** Adds and reads of a few clients, wrong in every way. @param size about how many elements there are */
function randomHistory(seed: string, size: number): History {
  const random = new SeededRandom(seed);
  const entries: OperationEntry[] = [];
  const added: number[] = [];
  const open = new Map<number, { f: string; value: unknown }>();
  const chance = (percent: number) => random.integer(100) < percent;
  let processes = [0, 1, 2, 3];
  let [time, next] = [0, 0];
  const final = () => (time > size * 3e6 ? { 'final?': true as const } : {});
  for (let step = 0; step < size * 4; step++) {
    time += random.integer(3e6);
    const process = random.pick(processes);
    const asked = open.get(process);
    if (asked === undefined) {
      const isAdd = chance(50);
      const again = chance(5) && added.length > 0;
      const value = isAdd ? (again ? random.pick(added) : next++) : null;
      if (isAdd) added.push(value as number);
      open.set(process, { f: isAdd ? 'add' : 'read', value });
      entries.push({ time, type: 'invoke', process, f: isAdd ? 'add' : 'read', value, ...(isAdd ? {} : final()) });
      continue;
    }
    open.delete(process);
    const type = chance(80) ? 'ok' : chance(50) ? 'fail' : 'info';
    const kept = added.filter(
      (value, index) => added.indexOf(value) === index && !chance(index > added.length - 9 ? 30 : 1),
    );
    if (chance(10)) kept.push(next + random.integer(3));
    if (chance(10) && kept.length > 0) kept.splice(random.integer(kept.length), 0, random.pick(kept));
    const value = asked.f === 'read' && type === 'ok' ? kept : asked.value;
    entries.push({ time, type, process, f: asked.f, value, ...(asked.f === 'read' ? final() : {}) });
    if (type === 'info') processes = processes.map((other) => (other === process ? process + 4 : other));
  }
  return History.of(entries);
}

describe('histories from seeds', () => {
  it.each([
    { size: 3, seeds: 400 },
    { size: 12, seeds: 300 },
    // Long enough for lists that share their parts.
    { size: 300, seeds: 6 },
  ])('of about $size elements get what the definition says', ({ size, seeds }) => {
    const verdicts = new Set<unknown>();
    for (let seed = 0; seed < seeds; seed++) {
      const history = randomHistory(`${size} ${seed}`, size);
      const { result, beyond } = definition(history);
      const ours = plain(history);
      const worst = ours['worst-stale'] as { known: { index: number } }[];
      const { known, ...fields } = result;
      expect(ours, `seed ${seed}`).toMatchObject(fields);
      if (known.length <= 8)
        expect(worst.map((one) => one.known.index).sort((one, other) => one - other)).toEqual(known);
      const found = beyondOf(history);
      const counted = (rule: string) => found[rule]?.count ?? 0;
      const { phantoms, duplicates, missed } = beyond;
      expect(
        [counted('no-phantoms'), counted('no-duplicates'), counted('final-reads-are-complete')],
        `seed ${seed}`,
      ).toEqual([phantoms.length, duplicates.length, missed.length]);
      verdicts.add(ours['valid?']);
    }
    // In a long history hardly anything is never read.
    if (size === 3) expect(verdicts).toEqual(new Set([true, false, 'unknown']));
  });
});
