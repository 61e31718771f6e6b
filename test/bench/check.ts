/**
 * (j) The checkers of Maelstrom's workloads, on histories in memory, beside what a program that does nothing takes.
 */

import { spawnSync } from 'node:child_process';
import type { Checker } from '../../src/checkers/checker.ts';
import { setFullChecker } from '../../src/checkers/set-full.ts';
import { History } from '../../src/history/history.ts';
import { kafkaChecker } from '../../src/workloads/kafka/checker/kafka-checker.ts';
import { linKvChecker } from '../../src/workloads/lin-kv/checker/lin-kv-checker.ts';
import { busyLogs, busyRegisters } from '../support/busy-histories.ts';
import { type Figure, interleave, type Section, secondsOf } from './measure.ts';

const ROUNDS = 5;
const TEST = { nodes: ['n0'], concurrency: 2 };

interface Judged {
  readonly name: string;
  readonly input: string;
  readonly history: () => History;
  readonly checker: Checker;
  /** Absent: there is no goal. */
  readonly secondsMax?: number;
}

const UNIQUE_VALUES = { operations: 1_000_000, keys: 1, clientsOfKey: 20, endlessOfKey: 0 };

const JUDGED: readonly Judged[] = [
  {
    name: 'set-full',
    input: '100,000 elements, 10,000 reads',
    history: () => growingSet(100_000, 10_000),
    checker: setFullChecker({ add: 'add', strict: true }),
    secondsMax: 2,
  },
  {
    name: 'lin-kv, one key',
    input: '1,000,000 operations of 20 clients, every value once',
    history: () => busyRegisters({ ...UNIQUE_VALUES, silentRefusals: true }),
    checker: linKvChecker({ strict: false }),
    secondsMax: 2,
  },
  {
    name: '… its 186,000 refused cas as well',
    input: '1,000,000 operations of 20 clients, every value once',
    history: () => busyRegisters(UNIQUE_VALUES),
    checker: linKvChecker({ strict: true }),
  },
  {
    name: 'lin-kv, 6 keys',
    input: '50,000 operations of 60 clients, 5 values, 20 indefinite a key',
    history: () => busyRegisters({ operations: 50_000, keys: 6, clientsOfKey: 10, endlessOfKey: 20, values: 5 }),
    checker: linKvChecker({ strict: false }),
    secondsMax: 2,
  },
  {
    name: 'lin-kv, one key',
    input: '50,000 operations of 60 clients, 5 values, 20 indefinite',
    history: () => busyRegisters({ operations: 50_000, keys: 1, clientsOfKey: 60, endlessOfKey: 20, values: 5 }),
    checker: linKvChecker({ strict: false }),
  },
  {
    name: 'kafka',
    input: '1,000,000 messages in 100,000 polls',
    history: () => busyLogs(1_000_000),
    checker: kafkaChecker({ strict: true }),
    secondsMax: 3,
  },
];

export async function benchCheck(): Promise<readonly Section[]> {
  const figures: Figure[] = [];
  for (const judged of JUDGED) figures.push(await measure(judged));
  return [{ title: '(j) the checkers of recorded histories', figures }];
}

async function measure({ name, input, history: make, checker, secondsMax }: Judged): Promise<Figure> {
  const history = make();
  const check = () => {
    if (checker.check(TEST, history)['valid?'] !== true) throw new Error(`${name}: the history must be valid`);
  };
  const { ours } = await interleave(ROUNDS, {
    node: () => secondsOf(() => spawnSync(process.execPath, ['-e', '0'])),
    ours: () => secondsOf(check),
  });
  return {
    ...{ name, input, unit: 's', values: ours.values, yardstick: { name: 'node -e 0', ratios: ours.ratios } },
    ...(secondsMax !== undefined && { goal: { of: 'value', atMost: secondsMax } }),
  };
}

/** Adds in turn with reads that show everything so far. */
function growingSet(elements: number, reads: number): History {
  const history = new History();
  const shown: number[] = [];
  const operate = (process: number, f: string, asked: unknown, answered: unknown) => {
    const time = history.length * 1e6;
    history.append({ time, type: 'invoke', process, f, value: asked });
    history.append({ time: time + 5e5, type: 'ok', process, f, value: answered });
  };
  for (let read = 0; read < reads; read++) {
    for (let count = 0; count < elements / reads; count++) {
      operate(0, 'add', shown.length, shown.length);
      shown.push(shown.length);
    }
    operate(1, 'read', null, [...shown]);
  }
  return history;
}
