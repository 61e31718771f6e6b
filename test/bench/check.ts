/**
 * (j) The checkers of Maelstrom's workloads, on histories in memory, beside what a program that does nothing takes.
 * Where the real checker was measured (10 operations at once, a cold JVM), the figure says how much sooner ours is.
 */

import { spawnSync } from 'node:child_process';
import type { Checker } from '../../src/checkers/checker.ts';
import { setFullChecker } from '../../src/checkers/set-full.ts';
import { History } from '../../src/history/history.ts';
import { kafkaChecker } from '../../src/workloads/kafka/checker/kafka-checker.ts';
import { linKvChecker } from '../../src/workloads/lin-kv/checker/lin-kv-checker.ts';
import { busyLogs, busyRegisters } from '../support/busy-histories.ts';
import { goalAtMost, interleave, printSection, type Row } from './measure.ts';

const ROUNDS = 5;
const TEST = { nodes: ['n0'], concurrency: 2 };

interface Measured {
  readonly name: string;
  readonly history: () => History;
  readonly checker: Checker;
  /** Absent: there is no goal. */
  readonly secondsMax?: number;
  /** What the real checker takes for a history of this kind and size; absent: it was not measured. */
  readonly realSeconds?: number;
}

const UNIQUE_VALUES = { operations: 1_000_000, keys: 1, clientsOfKey: 20, endlessOfKey: 0 };

const MEASURED: readonly Measured[] = [
  {
    name: 'set-full of 100,000 elements, 10,000 reads',
    history: () => growingSet(100_000, 10_000),
    checker: setFullChecker({ add: 'add', strict: true }),
    secondsMax: 2,
  },
  {
    name: 'a register with unique values, 1,000,000 operations of 20 clients',
    history: () => busyRegisters({ ...UNIQUE_VALUES, silentRefusals: true }),
    checker: linKvChecker({ strict: false }),
    secondsMax: 2,
  },
  {
    name: '… where each of 186,000 refused cas must have its place, too',
    history: () => busyRegisters(UNIQUE_VALUES),
    checker: linKvChecker({ strict: true }),
  },
  {
    name: "Maelstrom's lin-kv: 5 values, 60 clients at 6 keys, 50,000 operations, 20 indefinite ones a key",
    history: () => busyRegisters({ operations: 50_000, keys: 6, clientsOfKey: 10, endlessOfKey: 20, values: 5 }),
    checker: linKvChecker({ strict: false }),
    secondsMax: 2,
  },
  {
    name: '… all of them at one key',
    history: () => busyRegisters({ operations: 50_000, keys: 1, clientsOfKey: 60, endlessOfKey: 20, values: 5 }),
    checker: linKvChecker({ strict: false }),
  },
  {
    name: 'kafka, 1,000,000 messages in 100,000 polls',
    history: () => busyLogs(1_000_000),
    checker: kafkaChecker({ strict: true }),
    secondsMax: 3,
  },
];

export async function benchCheck(): Promise<void> {
  const rows: Row[] = [];
  for (const measured of MEASURED) rows.push(await measure(measured));
  printSection('(j) the checkers of recorded histories', 'node --import tsx test/bench/main.ts check', rows);
}

async function measure({ name, history: make, checker, secondsMax, realSeconds }: Measured): Promise<Row> {
  const history = make();
  const check = () => {
    if (checker.check(TEST, history)['valid?'] !== true) throw new Error(`${name}: the history must be valid`);
  };
  const { ours } = await interleave(ROUNDS, {
    node: () => secondsOf(() => spawnSync(process.execPath, ['-e', '0'])),
    ours: () => secondsOf(check),
  });
  const sooner = realSeconds === undefined ? '' : `, 1/${(realSeconds / ours.value).toFixed(0)} of the real checker`;
  return {
    name,
    value: `${ours.value.toFixed(2)} s, ${ours.ratio.toFixed(1)} × node -e 0${sooner}`,
    ...(secondsMax !== undefined && { goal: goalAtMost(ours.value, secondsMax, ' s') }),
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

function secondsOf(act: () => void): number {
  const startMs = performance.now();
  act();
  return (performance.now() - startMs) / 1000;
}
