/**
 * The proof for `snowstorm test --serve`: services whose engine is wrong in one way fail, by a rule of the workload,
 * and the right ones are valid under the same command. No run is the same twice, so a mutant has a few seeds.
 *
 * Two mutants cannot be shown by a workload, and documents are made for that: `compare-by-value`, because they have a
 * growing `ver`, so no value comes back; and `no-space-taken-for-definite`, because after a refusal they read again,
 * and a full database can be read. `test/host/etcd/mutants.test.ts` finds both by the engine alone.
 */

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CheckResult } from '../../src/checkers/checker.ts';
import type { Fault, FaultEvent } from '../../src/harness/fault.ts';
import { planFaults } from '../../src/harness/fault-plan.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { buildEngineMutants, type EngineMutantName } from '../support/engine-mutants.ts';
import { findEtcd } from '../support/etcd.ts';
import { brokenRules } from '../support/find-failure.ts';
import { killServices, ServiceProcess } from '../support/service-process.ts';
import { EndedTest, Running, SNOWSTORM } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const TIMEOUT_MS = 600_000;

const folder = temporaryFolder();
let programOf: (name: EngineMutantName) => string;
let runs = 0;

beforeAll(async () => {
  programOf = await buildEngineMutants(folder);
});
afterAll(killServices);

interface Command {
  /** The options of `snowstorm test`, without seed and store. */
  readonly args: readonly string[];
  readonly seeds: readonly string[];
}

interface Shown extends Command {
  readonly mutant: EngineMutantName;
  /** A run that shows the mutant breaks one of these rules. */
  readonly rules: readonly string[];
  /** Whether the first fault that a seed draws is the one for which the seed was chosen. */
  // biome-ignore lint/suspicious/noExplicitAny: a fault has fields by its kind
  readonly begins?: (event: any) => boolean;
}

function load(workload: string, rate: number, seconds: number, concurrency = 32): string[] {
  return `-w ${workload} --rate ${rate} --time-limit ${seconds} --concurrency ${concurrency}`.split(' ');
}

const MEMBERS = ['e1', 'e2', 'e3'];
const SERVED = ['--serve', '3', '--engine', 'etcd:3'];

const CALM: Command = { args: [...load('voucher', 50, 10), ...SERVED], seeds: ['1', '2'] };

const SHOWN: readonly Shown[] = [
  { mutant: 'one-outcome-for-the-group', rules: ['acknowledged-is-kept'], ...CALM },
  { mutant: 'compare-by-existence', rules: ['acknowledged-is-kept'], ...CALM },
  {
    // Slow links keep writes on their way long enough for a reset to find some. On a quiet machine a reset of fast
    // links hits none.
    mutant: 'retry-with-another-token',
    rules: ['counts-are-current', 'acknowledged-is-kept', 'within-limit'],
    args: [...load('voucher', 100, 20), ...SERVED, '--nemesis', 'link-delay=2,link-reset=2'],
    seeds: ['1', '2', '3', '4'],
  },
  {
    // One member hears of changes late, unless it leads. Its instance does not wait in vain, so it stays with it.
    mutant: 'serializable-reads',
    rules: ['counts-are-current'],
    args: [...load('voucher', 50, 12, 24), ...SERVED, '--nemesis', 'link-delay=60', '--', '--store-patience', '3s'],
    seeds: ['10879', '222749', '10879', '222749', '10879'],
    begins: ({ links, delayMs, durationMs }) =>
      durationMs > 5000 &&
      delayMs > 250 &&
      Object.values<readonly string[]>(links).some((sources) => sources.join() === 'e2,e1'),
  },
  {
    // An update reads again, and finds out, unless it cannot read for as long as it goes on, which is 3.5 s. For longer
    // no instance hears any member, while members hear them.
    mutant: 'timeout-taken-for-failure',
    rules: ['settles'],
    args: [...load('saga', 60, 10, 60), ...SERVED, '--nemesis', 'service-cut=40'],
    seeds: ['1146', '782', '239', '1951'],
    begins: ({ shape, grudge, durationMs }) =>
      durationMs > 5500 && shape === 'replies' && Object.keys(grudge).length === 3,
  },
  {
    mutant: 'read-before-sync',
    rules: ['counts-are-current'],
    args: [...load('voucher', 100, 20), '--serve', '1', '--nemesis', 'kill=2'],
    seeds: ['1', '2', '3'],
  },
];

/** Without faults the right engine runs in other tests. */
const RIGHT = new Map(
  SHOWN.filter(({ args }) => args.includes('--nemesis')).map(({ args, seeds }) => [args.join(' '), { args, seeds }]),
);

/** @param args with a folder of the run's own as the store if there is one instance */
async function runServed(name: EngineMutantName, args: readonly string[], seed: string): Promise<EndedTest> {
  const own = join(folder, `run-${++runs}`);
  const engine = args.includes('--engine') ? [] : ['--engine', join(own, 'data')];
  return run(['--bin', programOf(name), '--seed', seed, ...engine], args, own);
}

/** Runs `snowstorm test` to its end, and checks that none of its processes stays. */
async function run(options: readonly string[], args: readonly string[], own: string): Promise<EndedTest> {
  const store = join(own, 'store');
  const running = new Running(SNOWSTORM, ['test', '--store', store, ...options, ...args]);
  const ended = await running.ended;
  await running.nothingLeft();
  return new EndedTest(ended, store);
}

/** As the run draws it. */
function firstFault(fault: Fault, intervalMs: number, seed: string): FaultEvent {
  const [row] = planFaults({
    faults: [fault],
    faultValues: {},
    intervalMs,
    nodes: ['n1', 'n2', 'n3'],
    services: MEMBERS,
    members: MEMBERS,
    hasPeerLinks: true,
    random: new SeededRandom(seed).fork('nemesis'),
  });
  const [event] = row ?? [];
  return event as FaultEvent;
}

/** In the order of the checker. */
function rulesBrokenIn({ results }: EndedTest): readonly string[] {
  return brokenRules(results as CheckResult);
}

describe.skipIf(findEtcd('services whose engine is wrong') === undefined)('services', () => {
  it.each(SHOWN)('are found with the engine $mutant, by $rules', { timeout: TIMEOUT_MS }, async (shown) => {
    const { mutant, args, seeds, rules } = shown;
    const told: string[] = [];
    for (const seed of seeds) {
      const ended = await runServed(mutant, args, seed);
      if (ended.status === 1 && rulesBrokenIn(ended).some((rule) => rules.includes(rule))) return;
      told.push(`${seed}: ${rulesBrokenIn(ended).join(' ')} ${ended.verdict}`);
    }
    expect.fail(told.join('\n'));
  });

  it.each(SHOWN.filter(({ begins }) => begins !== undefined))('have seeds that draw the fault for $mutant', (shown) => {
    const { args, seeds, begins } = shown;
    const [fault, seconds] = (args[args.indexOf('--nemesis') + 1] as string).split('=');
    const drawn = seeds.map((seed) => firstFault(fault as Fault, 1000 * Number(seconds), seed));
    expect(drawn.filter((event) => !begins?.(event) || event.atMs > 4000)).toEqual([]);
  });

  it.each([...RIGHT])('are valid with the right engine: %s', { timeout: TIMEOUT_MS }, async (_, { args, seeds }) => {
    const ended = await runServed('right', args, seeds[0] as string);
    expect(ended.verdict).toMatch(/The run is valid\.$/);
    expect(ended.status).toBe(0);
  });
});

describe('two instances on one folder', () => {
  it('are found if they take no lock, by one-to-one', { timeout: TIMEOUT_MS }, async () => {
    const own = join(folder, `run-${++runs}`);
    const start = () => ServiceProcess.start(['--store', join(own, 'data')], programOf('no-lock'));
    const urls = [(await start()).url, (await start()).url];
    const ended = await run(['--url', urls.join()], load('ids', 50, 5), own);
    expect(ended.status).toBe(1);
    expect(rulesBrokenIn(ended)).toContain('one-to-one');
  });

  it('do not start if they take the lock', { timeout: TIMEOUT_MS }, async () => {
    const own = join(folder, `run-${++runs}`);
    const start = () => ServiceProcess.start(['--store', join(own, 'data')], programOf('right'));
    const { url } = await start();
    await expect(start()).rejects.toThrow('the folder is in use');
    const ended = await run(['--url', url], load('ids', 50, 5), own);
    expect(ended.verdict).toMatch(/The run is valid\.$/);
  });
});
