/**
 * `snowstorm test`: real node processes, Maelstrom's network, a verdict. Options, defaults and exit statuses are Maelstrom's.
 */

import type { CheckResult, Validity } from '../checkers/checker.ts';
import { ProcessBed } from '../host/process-bed.ts';
import { createRealScheduler } from '../host/real-scheduler.ts';
import { Store } from '../host/store.ts';
import { TestRun } from '../simulator/run.ts';
import type { RunOptions } from '../simulator/run-options.ts';
import { WORKLOADS } from '../workloads/registry.ts';
import type { Workload } from '../workloads/workload.ts';
import { describeOptions, parseOptions, UsageError } from './options.ts';
import { Progress } from './progress.ts';
import { formatResults, formatVerdict } from './result-block.ts';
import { interpretTestOptions, TEST_OPTIONS } from './test-options.ts';

const EXIT_STATUS: ReadonlyMap<Validity, number> = new Map<Validity, number>([
  [true, 0],
  [false, 1],
  ['unknown', 2],
]);

const HELP = `Usage: snowstorm test -w NAME --bin FILE [options] [-- arguments of the node]

Starts real processes, sends them what Maelstrom would, injects faults, checks the history.
${WORKLOADS.map(({ name, text }) => `  ${name.padEnd(12)} ${text}`).join('\n')}

${describeOptions(TEST_OPTIONS)}

Exit status: 0 valid, 1 invalid, 2 unknown, 254 bad arguments, 255 the command itself failed.
`;

/** Runs the command; resolves to the exit status. */
export async function testCommand(args: readonly string[]): Promise<number> {
  const parsed = parseOptions(TEST_OPTIONS, args);
  if (parsed.values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const { workload, program, options } = interpretTestOptions(parsed);
  const store = openStore(parsed.values.store, workload.name);
  const progress = new Progress(process.stderr, options.timeLimitMs, () => run.status());
  const bed = new ProcessBed({
    program,
    args: parsed.rest,
    logFolder: store.logFolder,
    ...(parsed.values['log-stderr'] && {
      onStderr: (nodeId: string, line: string) => progress.print(`${nodeId}: ${line}`),
    }),
  });
  // Since the process began, so that the record can tell how long its start took.
  const schedulerStartMs = performance.now();
  const run = new TestRun(options, workload.test, bed, createRealScheduler(), {
    onOperation: (operation) => store.writeOperation(operation),
    onMessage: (event, message, timeMs) => store.writeMessage(event, message, timeMs),
  });
  progress.print(describeRun(workload, options, program));
  stopOnSignals(run, progress);
  let results: CheckResult;
  let harness: Readonly<Record<string, number>>;
  try {
    const outcome = await run.run();
    results = outcome.results;
    harness = {
      'start-milliseconds': outcome.startMs + schedulerStartMs,
      'resident-megabytes-max': process.resourceUsage().maxRSS / 1024,
    };
  } finally {
    progress.stop();
    await bed.close();
  }
  process.stdout.write(`${formatResults(results)}\n\n`);
  try {
    await store.finish({
      options: { workload: workload.name, program, args: parsed.rest, ...options },
      harness,
      ...results,
    });
    process.stdout.write(
      `Recorded in ${[store.folder, `seed ${options.seed}`, store.leftOut ?? []].flat().join(', ')}\n`,
    );
  } finally {
    // Whatever becomes of the record: the verdict is what all the time was spent for.
    process.stdout.write(`${formatVerdict(results)}\n`);
  }
  return EXIT_STATUS.get(results['valid?']) as number;
}

function openStore(root: string, workload: string): Store {
  try {
    return new Store(root, workload, new Date());
  } catch (error) {
    throw new UsageError(`--store ${root}: ${(error as Error).message}`);
  }
}

/**
 * The first signal ends the run and keeps its verdict; a second one does not wait for what is under way. Later ones, and those that come while
 * the record is written, do nothing: the verdict is close.
 */
function stopOnSignals(run: TestRun, progress: Progress): void {
  let signals = 0;
  const onSignal = () => {
    if (++signals > 1) return run.abort();
    progress.print('stopping: the verdict will be on what has run; once more to stop at once');
    return run.stop();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
}

function describeRun(workload: Workload, options: RunOptions, program: string): string {
  const { nodes, concurrency, ratePerSecond, timeLimitMs, faults, seed } = options;
  const clients = `${concurrency} client${concurrency === 1 ? '' : 's'}`;
  const faultText = faults.length === 0 ? 'no faults' : `faults: ${faults.join(', ')}`;
  return `${workload.name}: ${nodes.length} × ${program}, ${clients}, ${ratePerSecond}/s for ${timeLimitMs / 1000} s, ${faultText}, seed ${seed}`;
}
