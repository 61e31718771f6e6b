/**
 * `snowstorm fuzz`: many seeds on all cores. The first failure is shrunk and told as a story, with the command that
 * replays it.
 */

import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeReplay } from '../harness/replay.ts';
import { createSettle } from '../host/settle.ts';
import { junitDocument, junitOfSeeds } from '../report/junit.ts';
import { type Investigation, runSeed } from '../search/fuzz.ts';
import { subjectOf, WORKLOADS } from '../workloads/registry.ts';
import { count } from './amounts.ts';
import type { Notes } from './author-modules.ts';
import { FUZZ_OPTIONS, type FuzzTask, interpretFuzzOptions, optionsOfSeed } from './fuzz-options.ts';
import { EndlessSeedError, runFuzzPool } from './fuzz-pool.ts';
import type { FuzzAnswer } from './fuzz-worker.ts';
import { Interruption } from './interruption.ts';
import { checkJunitFile, writeJunit } from './junit-file.ts';
import { makeSmall, type SmallFailure } from './make-small.ts';
import { parseWithModules } from './module-arguments.ts';
import { describeOptions } from './options.ts';
import { Progress } from './progress.ts';
import { tryToRecordFound } from './recording.ts';
import { recordSmall, sayNotMadeSmall } from './small-failure.ts';
import { replayCommand, shellWord, testArguments } from './test-arguments.ts';
import { describeWorkloadOptions } from './workload-options.ts';

const EXIT_FAILED = 1;
const EXIT_UNKNOWN = 2;
/**
 * Some faults leave nothing to judge: a partition without a majority, as long as the run. More undecided seeds than
 * this share say that the command tests too little. QuickCheck has such a limit for discarded cases (Claessen and
 * Hughes, ICFP 2000).
 */
const UNDECIDED_SHARE_MAX = 0.05;
/** Failing seeds that are listed one by one. */
const LISTED_FAILURES_MAX = 20;

const helpText = (ownHelp: string) => `Usage: snowstorm fuzz -w NAME [options]

Runs a workload on virtual time with many seeds, on all cores. About half of the seeds have all faults at once. The
others have some of them only, and smaller limits of the nodes: a page of one entry, a group of one.
${WORKLOADS.map(({ name, text }) => `  ${name.padEnd(12)} ${text}`).join('\n')}

${describeOptions(FUZZ_OPTIONS)}
${describeWorkloadOptions()}${ownHelp}
Exit status: 0 no run invalid, 1 one of them invalid, 2 interrupted or more than one run in 20 undecided, 254 bad arguments, 255 the command itself failed.
`;

/** The results of all runs so far. */
interface Tally {
  readonly answers: Map<string, FuzzAnswer>;
  operationCount: number;
  readonly failures: FuzzAnswer[];
  readonly unknown: FuzzAnswer[];
}

/** Runs the command; resolves to the exit status. */
export async function fuzzCommand(args: readonly string[]): Promise<number> {
  const { parsed, loaded, ownHelp } = await parseWithModules(FUZZ_OPTIONS, args);
  const { values } = parsed;
  if (values.help) {
    process.stdout.write(helpText(ownHelp));
    return 0;
  }
  const task = interpretFuzzOptions(parsed, loaded);
  if (values.junit !== undefined) checkJunitFile(values.junit);
  let story: string | undefined;
  const startMs = performance.now();
  const tally: Tally = { answers: new Map(), operationCount: 0, failures: [], unknown: [] };
  const junit = () => {
    if (values.junit !== undefined) writeJunit(values.junit, describeJunit(task, tally, story, values.store));
  };
  const interruption = new Interruption('after the current runs', () => {
    junit();
    return tally.failures.length > 0 ? EXIT_FAILED : EXIT_UNKNOWN;
  });
  try {
    await tryAll(task, tally, values['keep-going'], values['check-determinism'], interruption, loaded.notes).catch(
      (error: unknown) => tellEndless(task, error, values.store),
    );
    loaded.notes.tell();
    const interrupted = interruption.came && tally.answers.size < task.seedCount;
    process.stdout.write(`${describeTally(tally, performance.now() - startMs)}\n`);
    if (interrupted) process.stdout.write(`stopped after ${tally.answers.size} of ${task.seedCount} seeds\n`);
    if (values['check-determinism']) process.stdout.write(`${describeDeterminism(tally)}\n`);
    const [first] = tally.failures;
    if (first !== undefined) {
      // Before shrinking, which takes time and may be interrupted.
      process.stdout.write(`\nReproduce seed ${first.seed}:  ${describeCommand(task, first, values.store)}\n`);
      if (first.validity === false) story = await explain(task, first, values.store, interruption);
    }
    junit();
    const isUndecided = tally.unknown.length > UNDECIDED_SHARE_MAX * tally.answers.size;
    return first !== undefined ? EXIT_FAILED : interrupted || isUndecided ? EXIT_UNKNOWN : 0;
  } finally {
    interruption.ignore();
  }
}

function describeJunit(task: FuzzTask, { answers }: Tally, story: string | undefined, store: string): string {
  const command = (answer: FuzzAnswer) => describeCommand(task, answer, store);
  return junitDocument([junitOfSeeds({ workload: task.workload.name, seeds: [...answers.values()], story, command })]);
}

async function tryAll(
  task: FuzzTask,
  tally: Tally,
  keepGoing: boolean,
  checkDeterminism: boolean,
  interruption: Interruption,
  notes: Notes,
): Promise<void> {
  const { workload, from, seedCount, jobs, options, swarm } = task;
  let next = from;
  const startMs = performance.now();
  const progress = new Progress(process.stderr, () => {
    const count = tally.answers.size;
    const rate = (count / (performance.now() - startMs)) * 1000;
    return `${count}/${seedCount} seeds  ${rate.toFixed(1)}/s  ${tally.operationCount} operations  ${tally.failures.length} failed`;
  });
  progress.print(describeTask(task));
  interruption.announce = (text) => progress.print(text);
  try {
    await runFuzzPool({
      data: { workload: workload.name, modules: workload.modules, options, swarm, checkDeterminism },
      jobs,
      onNote: (text) => notes.add(text),
      nextSeed: () => {
        if (interruption.came || next >= from + seedCount || (!keepGoing && tally.failures.length > 0))
          return undefined;
        return String(next++);
      },
      onAnswer: (answer) => {
        tally.answers.set(answer.seed, answer);
        tally.operationCount += answer.operationCount;
        if (answer.validity === false || answer.difference !== undefined) tally.failures.push(answer);
        else if (answer.validity === 'unknown') tally.unknown.push(answer);
      },
    });
  } finally {
    progress.stop();
  }
  // The lowest seed first, in any order of the threads.
  tally.failures.sort((one, other) => Number(one.seed) - Number(other.seed));
}

/** Repeats a run in which a node does not return: the watch of this thread tells the line, and ends the process. */
async function tellEndless(task: FuzzTask, error: unknown, store: string): Promise<never> {
  if (!(error instanceof EndlessSeedError)) throw error;
  const { seed } = error;
  const command = describeCommand(task, { seed }, store);
  process.stderr.write(`snowstorm: ${error.message}; it is made again, to tell where:\n  ${command}\n`);
  await runSeed({ subject: subjectOf(task.workload), settle: createSettle() }, optionsOfSeed(task, seed));
  throw new Error(`${error.message}, but did return when it was made again`);
}

/** The command that repeats the run of a seed. A seed whose two runs differed is run twice again. */
function describeCommand(
  task: FuzzTask,
  { seed, difference }: Pick<FuzzAnswer, 'seed' | 'difference'>,
  store: string,
): string {
  const twice = difference === undefined ? [] : ['--check-determinism'];
  const recorded = store === 'none' ? ['--store', 'none'] : [];
  const words = testArguments(task.workload, optionsOfSeed(task, seed)).map(shellWord);
  return ['snowstorm', 'test', ...words, ...twice, ...recorded].join(' ');
}

function describeTask({ workload, from, seedCount, jobs, options, swarm }: FuzzTask): string {
  const { nodes, concurrency, ratePerSecond, timeLimitMs, faults } = options;
  const work = `${count(nodes.length, 'node')}, ${count(concurrency, 'client')}, ${ratePerSecond}/s for ${timeLimitMs / 1000} s`;
  const faultText = faults.length === 0 ? 'no faults' : `faults: ${faults.join(', ')}`;
  const swarmText = swarm === undefined ? '' : '; about half of them with a swarm of their own';
  return `${workload.name}: seeds ${from} to ${from + seedCount - 1} on ${jobs} threads, each ${work}, ${faultText}${swarmText}`;
}

function describeTally({ answers, operationCount, failures, unknown }: Tally, tookMs: number): string {
  const seconds = tookMs / 1000;
  const lines = [
    `${count(answers.size, 'seed')}, ${count(operationCount, 'operation')} in ${seconds.toFixed(1)} s: ${failures.length} failed`,
  ];
  for (const { seed, signature, difference } of failures.slice(0, LISTED_FAILURES_MAX))
    lines.push(
      `  seed ${seed}: ${difference === undefined ? signature.join(', ') : `not deterministic: ${difference}`}`,
    );
  if (failures.length > LISTED_FAILURES_MAX) lines.push(`  … and ${failures.length - LISTED_FAILURES_MAX} more`);
  const [first] = unknown;
  if (first !== undefined) {
    const undecided = unknown.length === 1 ? '1 seed is undecided,' : `${unknown.length} seeds are undecided, e.g.`;
    lines.push(`  ${undecided} seed ${first.seed}: ${first.reason}`);
  }
  return lines.join('\n');
}

/** One digest of all runs, in the order of their seeds. */
function describeDeterminism({ answers }: Tally): string {
  const hash = createHash('sha256');
  const ordered = [...answers.values()].sort((one, other) => Number(one.seed) - Number(other.seed));
  for (const { seed, digest } of ordered) hash.update(`${seed} ${digest}\n`);
  return `digest of ${ordered.length} histories and message logs: ${hash.digest('hex')}`;
}

/**
 * Shrinks a failing run, tells it, records the small run, and prints the command that replays it. Resolves to the
 * story; to undefined if the run does not fail again.
 */
async function explain(
  task: FuzzTask,
  { seed }: FuzzAnswer,
  store: string,
  interruption: Interruption,
): Promise<string | undefined> {
  const { workload } = task;
  let runs = 0;
  const progress = new Progress(process.stderr, () => `seed ${seed} failed; shrinking: ${runs} runs`);
  interruption.stopsWhen = 'after shrinking the failure';
  interruption.announce = (text) => progress.print(text);
  let small: SmallFailure;
  try {
    small = await makeSmall(workload, optionsOfSeed(task, seed), {
      onProgress: (count) => {
        runs = count;
      },
    });
  } catch (error) {
    sayNotMadeSmall(error);
    return undefined;
  } finally {
    progress.stop();
  }
  const story = `${small.origin}\n\n${small.lines.join('\n')}`;
  process.stdout.write(`\n${story}\n`);
  if (store === 'none') return story;
  await tryToRecordFound(store, workload.name, async (record) => {
    const again = replayCommand(writeReplay(store, workload.name, seed, small.found), workload.modules);
    process.stdout.write(`\nReplay:  ${again}\n`);
    await recordSmall(record, workload, small, again);
  });
  return story;
}

function writeReplay(store: string, workload: string, seed: string, { options, schedule }: Investigation): string {
  const folder = join(store, workload);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `fuzz-seed-${seed}.json`);
  writeFileSync(file, encodeReplay({ workload, options, schedule }));
  return file;
}
