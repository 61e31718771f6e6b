/**
 * `snowstorm test`: nodes, Maelstrom's network, a verdict. With `--bin` the nodes are processes, with `--serve` or
 * `--url` services over HTTP, and otherwise they are simulated in this process. Options, defaults and exit statuses are
 * Maelstrom's.
 */

import { readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { parseReplay } from '../harness/replay.ts';
import type { JunitCase } from '../report/junit.ts';
import { findWorkload, WORKLOADS } from '../workloads/registry.ts';
import type { Loaded } from './author-modules.ts';
import { checkJunitFile } from './junit-file.ts';
import { parseWithModules } from './module-arguments.ts';
import { requireLimits } from './node-limits.ts';
import { describeOptions, UsageError } from './options.ts';
import type { TestOptions } from './test-execution.ts';
import { drawNames, interpretTestOptions, requireNode, TEST_OPTIONS, type TestTask } from './test-options.ts';
import { type Round, runOnce, Signals } from './test-run.ts';
import { describeWorkloadOptions, requireWorkloadOptions } from './workload-options.ts';

const helpText = (ownHelp: string) => `Usage: snowstorm test -w NAME [options]
       snowstorm test -w NAME --bin FILE [options] [-- arguments of the node]
       snowstorm test -w NAME --serve N [options] [-- options of snowstorm serve]
       snowstorm test -w NAME --url URL,... [options]

Runs nodes, sends them requests as Maelstrom does, injects faults, checks the history. Nodes are simulated, or are
processes (--bin), or services over HTTP (--serve, --url).
${WORKLOADS.map(({ name, text }) => `  ${name.padEnd(12)} ${text}`).join('\n')}

${describeOptions(TEST_OPTIONS)}
${describeWorkloadOptions()}${ownHelp}
Exit status: 0 valid, 1 invalid, 2 unknown, 254 bad arguments, 255 the command itself failed.
`;

/** Runs the command; resolves to the exit status. */
export async function testCommand(args: readonly string[]): Promise<number> {
  const { parsed, loaded, ownHelp } = await parseWithModules(TEST_OPTIONS, args);
  if (parsed.values.help) {
    process.stdout.write(helpText(ownHelp));
    return 0;
  }
  const { values } = parsed;
  if (values.replay !== undefined && values['test-count'] > 1)
    throw new UsageError('--test-count cannot be combined with --replay: a schedule makes the same run every time');
  const task =
    values.replay === undefined ? interpretTestOptions(parsed, loaded) : readReplay(parsed, values.replay, loaded);
  if (values.junit !== undefined) checkJunitFile(values.junit);
  const count = values['test-count'];
  const signals = new Signals();
  const cases: JunitCase[] = [];
  for (let number = 1; ; number++) {
    const round: Round = {
      ...{ task: taskOfRun(task, number), parsed, signals, cases, number, count },
      beganMs: number === 1 ? 0 : performance.now(),
      tell: (text) => process.stdout.write(text),
    };
    const { status } = await runOnce(round);
    loaded.notes.tell();
    if (status !== 0 || number === count) return status;
    // Lets a signal arrive that came while the record was written.
    await setImmediate();
    if (signals.came) {
      process.stderr.write(`stopped by a signal in run ${number} of ${count}\n`);
      return status;
    }
  }
}

/**
 * The task with the seed of its `number`th run. The first run has the seed of the command line, so it is the same as
 * without --test-count.
 */
function taskOfRun(task: TestTask, number: number): TestTask {
  const { seed } = task.options;
  if (number === 1) return task;
  const names = task.deployment?.isUsed ? { names: drawNames() } : {};
  return { ...task, options: { ...task.options, ...names, seed: `${seed}-${number}` } };
}

function readReplay({ values, words, rest }: TestOptions, file: string, loaded: Loaded): TestTask {
  if (values.bin !== undefined || rest.length > 0)
    throw new UsageError('--replay cannot be combined with --bin and its arguments');
  for (const name of ['serve', 'url'] as const)
    if (values[name] !== undefined) throw new UsageError(`--replay cannot be combined with --${name}`);
  if (words.length > 0) throw new UsageError(`unexpected argument ${JSON.stringify(words[0])}`);
  try {
    const replay = parseReplay(readFileSync(file, 'utf8'));
    const named = loaded.workload ?? findWorkload(replay.workload);
    if (named?.name !== replay.workload) throw new Error(describeMissing(replay.workload, loaded));
    const workload = requireNode(named, loaded, 'replay');
    requireLimits(workload, replay.options.nodeLimits);
    requireWorkloadOptions(workload, replay.options.workloadOptions);
    return {
      workload,
      program: undefined,
      deployment: undefined,
      options: { ...replay.options, schedule: replay.schedule },
    };
  } catch (error) {
    throw new UsageError(`--replay ${file}: ${(error as Error).message}`);
  }
}

function describeMissing(name: string, { workload }: Loaded): string {
  if (workload !== undefined) return `it is of the workload ${name}, and the module has ${workload.name}`;
  return `there is no workload ${JSON.stringify(name)}; if it is one of yours, name its module with -w MODULE`;
}
