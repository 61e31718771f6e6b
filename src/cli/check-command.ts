/**
 * `snowstorm check`: judges recorded histories, of ours or of Jepsen and Maelstrom, with the rules of a workload.
 */

import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Checker, type CheckResult, compose } from '../checkers/checker.ts';
import { latencyChecker } from '../checkers/latency.ts';
import { statsChecker } from '../checkers/stats.ts';
import { type RecordedHistory, readRecordedHistory } from '../host/records/history-file.ts';
import { RecordError } from '../host/records/record-error.ts';
import { MESSAGES_FILE } from '../host/records/run-folder.ts';
import { stringifyExact } from '../protocol/exact-json.ts';
import { type JunitHistory, junitDocument, junitOfHistories } from '../report/junit.ts';
import { formatResults, formatVerdict, formatWarnings } from '../report/result-block.ts';
import { findJudge, JUDGED_WORKLOADS, type Judge } from '../workloads/judges.ts';
import { exitStatusOf } from './exit-status.ts';
import { checkJunitFile, writeJunit } from './junit-file.ts';
import {
  describeOptions,
  type Option,
  type ParsedOptions,
  parseOneOf,
  parseOptions,
  parseText,
  switchOption,
  UsageError,
  wrapList,
} from './options.ts';
import { createCheckFolder, finishRecord, tryToDrawReport } from './recording.ts';
import { shellWord } from './test-arguments.ts';
import { TEST_OPTIONS } from './test-options.ts';

const EXIT_MALFORMED = 254;

const OPTIONS = {
  workload: {
    short: 'w',
    value: 'NAME',
    text: `The workload of the histories. Default: that of the record, for folders.
${wrapList(JUDGED_WORKLOADS)}.`,
    absent: undefined,
    parse: (text: string): string | undefined => parseOneOf(JUDGED_WORKLOADS)(text),
  } satisfies Option<string | undefined>,
  'consistency-models': {
    value: 'MODELS',
    text: 'What transactions must be, separated by commas. Default: strict-serializable.',
    absent: undefined,
    parse: (text: string): readonly string[] | undefined => {
      const models = text.trim().split(/\s*,\s*/);
      if (models.includes('')) throw new Error('expected names of models separated by commas');
      return models;
    },
  } satisfies Option<readonly string[] | undefined>,
  strict: switchOption(`What only rules beyond Jepsen's find makes a history invalid. Without it, it is a warning.`),
  junit: TEST_OPTIONS.junit,
  json: switchOption('Prints one line a history instead, its result as JSON, with the names of Jepsen.'),
  store: {
    value: 'DIR',
    text: 'Where the results and the report of each history are kept. none: nowhere. Default: store.',
    absent: 'store',
    parse: (text: string): string => parseText('a folder, or none')(text) as string,
  } satisfies Option<string>,
  help: switchOption('Prints this text.', 'h'),
};

const HELP = `Usage: snowstorm check HISTORY… -w NAME [options]

Judges recorded histories. HISTORY is a history.edn or history.txt of Jepsen and Maelstrom, a history.jsonl of
Snowstorm, or the folder of a run of either, such as store/latest.

${describeOptions(OPTIONS)}

Exit status: 0 valid, 1 invalid, 2 unknown, 254 bad arguments or a malformed history, 255 the command itself failed.
`;

type CheckOptions = ParsedOptions<typeof OPTIONS>['values'];

/** What became of one history. */
interface Judged {
  readonly status: number;
  readonly junit: JunitHistory;
}

/** Runs the command; resolves to the exit status. */
export async function checkCommand(args: readonly string[]): Promise<number> {
  const { values, words, rest } = parseOptions(OPTIONS, args);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const paths = [...words, ...rest];
  if (paths.length === 0) throw new UsageError('HISTORY is missing: name a file, or the folder of a run');
  // Before any history is read: a mistake on the command line.
  if (values.workload !== undefined) checkerOf(values.workload, values);
  if (values.junit !== undefined) checkJunitFile(values.junit);
  const judged: Judged[] = [];
  for (const path of paths) judged.push(judgePath(path, values, paths.length > 1));
  if (values.junit !== undefined)
    writeJunit(values.junit, junitDocument([junitOfHistories(judged.map(({ junit }) => junit))]));
  return worstStatus(judged.map(({ status }) => status));
}

/** A malformed history outranks an invalid one: the verdict of the whole is not known. Invalid outranks unknown. */
function worstStatus(statuses: readonly number[]): number {
  return [EXIT_MALFORMED, 1, 2].find((status) => statuses.includes(status)) ?? 0;
}

function judgePath(path: string, values: CheckOptions, several: boolean): Judged {
  try {
    const recorded = readRecordedHistory(path);
    const workload = values.workload ?? workloadOf(path, recorded);
    return judge(path, recorded, workload, values, several);
  } catch (error) {
    if (!(error instanceof RecordError)) throw error;
    process.stderr.write(`snowstorm: ${error.message}\n`);
    // A line for each history, so that readers can count them.
    if (values.json) process.stdout.write(`${JSON.stringify({ error: error.message })}\n`);
    const junit = {
      path,
      workload: values.workload ?? 'check',
      reason: error.message,
      command: commandOf(path, values),
    };
    return { status: EXIT_MALFORMED, junit };
  }
}

function workloadOf(path: string, { workload }: RecordedHistory): string {
  if (workload === undefined) throw new UsageError(`-w NAME is missing: ${path} does not tell its workload`);
  if (findJudge(workload) === undefined)
    throw new UsageError(`-w NAME is missing: ${path} has the workload ${workload}, which no checker knows`);
  return workload;
}

/** Throws a {@link UsageError} for options that the workload does not take. */
function checkerOf(workload: string, values: CheckOptions): Checker {
  const { takesModels, checker } = findJudge(workload) as Judge;
  const { strict, 'consistency-models': consistencyModels } = values;
  const models = `--consistency-models ${consistencyModels?.join(',')}`;
  if (consistencyModels !== undefined && takesModels !== true)
    throw new UsageError(`${models}: the workload ${workload} has no transactions; leave it out`);
  try {
    return checker({ strict, ...(consistencyModels !== undefined && { consistencyModels }) });
  } catch (error) {
    throw new UsageError(`${models}: ${(error as Error).message}`);
  }
}

function judge(
  path: string,
  recorded: RecordedHistory,
  workload: string,
  values: CheckOptions,
  several: boolean,
): Judged {
  const { history, facts, format } = recorded;
  if (format === 'txt' && findJudge(workload)?.needsFinalReads)
    throw new RecordError(`${recorded.path}: it does not tell which reads are final; check the history.edn beside it`);
  const started = new Date();
  const checkers = values.json ? {} : { latency: latencyChecker() };
  const results = compose({ ...checkers, workload: checkerOf(workload, values) }).check(facts, history);
  const { proofs: _proofs, summary: _summary, ...plain } = results.workload as CheckResult;
  const command = commandOf(path, { ...values, workload });
  const reason = formatVerdict(results);
  const status = exitStatusOf(results['valid?']);
  const outcome = { status, junit: { path, workload, results, reason, command } };
  if (values.json) {
    process.stdout.write(`${stringifyExact(plain)}\n`);
    return outcome;
  }
  const shown: CheckResult = { stats: countsOf(statsChecker().check(facts, history)), ...results };
  process.stdout.write(`${several ? `${path}\n\n` : ''}${formatResults(shown)}\n\n`);
  if (values.store !== 'none') record(recorded, shown, { workload, store: values.store, started, command });
  process.stdout.write(`${formatWarnings(results)}${reason}\n${several ? '\n' : ''}`);
  return outcome;
}

/** How many operations ended how. Whether each function worked is no question of this command. */
function countsOf({ 'valid?': _valid, summary: _summary, error: _error, 'by-f': byFunction, ...counts }: CheckResult) {
  const functions = Object.entries((byFunction ?? {}) as Record<string, CheckResult>).map(
    ([f, { 'valid?': _, ...ofFunction }]) => [f, ofFunction],
  );
  return { ...counts, 'by-f': Object.fromEntries(functions) };
}

interface Recording {
  readonly workload: string;
  readonly store: string;
  readonly started: Date;
  readonly command: string;
}

/** Keeps the judged history with its results, and draws the report. The links to the latest run stay where they are. */
function record(
  recorded: RecordedHistory,
  results: CheckResult,
  { workload, store, started, command }: Recording,
): void {
  const { history, facts, path, messages } = recorded;
  const runFolder = createCheckFolder(store, workload, started);
  for (const operation of history) runFolder.writeOperation(operation);
  if (messages !== undefined) copyFileSync(messages, join(runFolder.folder, MESSAGES_FILE));
  const { nodes, concurrency } = facts;
  const options = { workload, program: path, nodes, concurrency };
  finishRecord(runFolder, { time: started.toISOString(), again: command, options, ...results });
  process.stdout.write(`Recorded in ${runFolder.folder}\n`);
  const report = tryToDrawReport(runFolder.folder, history);
  if (report !== undefined) process.stdout.write(`Report: ${report}\n`);
}

function commandOf(path: string, { workload, strict, 'consistency-models': models }: CheckOptions): string {
  const words = [
    'snowstorm',
    'check',
    shellWord(path),
    ...(workload === undefined ? [] : ['-w', workload]),
    ...(models === undefined ? [] : ['--consistency-models', shellWord(models.join(','))]),
    ...(strict ? ['--strict'] : []),
  ];
  return words.join(' ');
}
