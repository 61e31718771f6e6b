/**
 * `snowstorm glomers`: the challenges of Fly.io's Gossip Glomers, each with the options and targets of its page. Its
 * runs are those of `snowstorm test`.
 */

import { setImmediate } from 'node:timers/promises';
import { mergeValidity } from '../checkers/checker.ts';
import { type Loaded, loadModules, nodeOption } from './author-modules.ts';
import { exitStatusOf } from './exit-status.ts';
import { CHALLENGES, type Challenge } from './glomers-challenges.ts';
import {
  describeScores,
  describeTargets,
  describeWanted,
  type Score,
  type ScoredRun,
  scoreRun,
  scoreWord,
  verdictOf,
} from './glomers-score.ts';
import { describeOptions, type Option, parseOptions, switchOption, UsageError } from './options.ts';
import { optionWords } from './test-arguments.ts';
import type { TestOptions } from './test-execution.ts';
import { interpretTestOptions, TEST_OPTIONS, type TestTask, WORKLOAD_OPTIONS } from './test-options.ts';
import { runOnce, Signals } from './test-run.ts';

const ALL = 'all';
const COMMAND_WIDTH = 120;
const MARGIN = '      ';
/** Options that are given to every run. */
const PASSED_ON = ['store', 'seed', 'time-limit'] as const;

const OPTIONS = {
  bin: {
    ...TEST_OPTIONS.bin,
    text: `The program of a node, as in snowstorm test: a path, or a name in PATH. The words after -- are its
arguments. In both {workload} and {challenge} stand for what is run: --bin bin/{workload}.`,
  },
  node: {
    ...nodeOption,
    text: `A node of yours, simulated in this process, in place of --bin: a module whose default export defineNode
of snowstorm made.`,
  },
  store: {
    ...TEST_OPTIONS.store,
    text: 'The folder where runs are recorded; none: nowhere, with --node only. Default: store.',
  },
  seed: TEST_OPTIONS.seed,
  'time-limit': {
    value: 'SECONDS',
    text: 'Makes all runs shorter, or longer, to try a node out. Default: what the challenge asks.',
    absent: undefined,
    parse: (text: string): number | undefined => TEST_OPTIONS['time-limit'].parse(text),
  } satisfies Option<number | undefined>,
  help: switchOption('Prints this text.', 'h'),
};

const HELP = `Usage: snowstorm glomers
       snowstorm glomers NAME… --bin FILE [options] [-- arguments of the node]
       snowstorm glomers NAME… --node MODULE [options]

Runs the challenges of Fly.io's Gossip Glomers (https://fly.io/dist-sys) on real processes, or simulated with
--node, with the options of their pages, and says for each target whether it was met. Without a NAME it lists the
challenges: what they ask, and the best figures that are known.

NAME is a challenge such as 3d, a number with all of its parts such as 3, or all:
  ${CHALLENGES.map(({ name }) => name).join(', ')}

${describeOptions(OPTIONS)}

Messages per operation are those between nodes and services. A run that a signal stops is not passed, and no other
begins. What leads to a verdict is in the report of the run.

Exit status: 0 all passed, 1 one failed, 2 unknown, 254 bad arguments, 255 the command itself failed.
`;

type GlomersOptions = ReturnType<typeof parseOptions<typeof OPTIONS>>;

/** A run that the command line asks for. */
interface PlannedRun {
  readonly parsed: TestOptions;
  readonly task: TestTask;
}

/** Runs the command; resolves to the exit status. */
export async function glomersCommand(args: readonly string[]): Promise<number> {
  const parsed = parseOptions(OPTIONS, args);
  const { values, words, texts, rest } = parsed;
  if (values.help || (words.length === 0 && Object.keys(texts).length === 0 && rest.length === 0)) {
    process.stdout.write(values.help ? HELP : listChallenges());
    return 0;
  }
  const challenges = chooseChallenges(words);
  if (values.bin === undefined && values.node === undefined)
    throw new UsageError(
      '--bin FILE is missing: name the program of your node, such as --bin ./my-node, or its module with --node MODULE',
    );
  if (values.store === 'none' && values.node === undefined)
    throw new UsageError('--store none cannot be combined with --bin: processes write logs; name a folder');
  const loaded = await loadModules(texts.node === undefined ? {} : { node: texts.node });
  // All of them first: a mistake is found before anything runs.
  const plans = challenges.map((challenge) => ({ challenge, runs: planRuns(challenge, parsed, loaded) }));
  const signals = new Signals();
  const scores: Score[] = [];
  for (const { challenge, runs } of plans) scores.push(await attempt(challenge, runs, values, signals));
  loaded.notes.tell();
  if (scores.length > 1) process.stdout.write(describeScores(scores));
  return exitStatusOf(mergeValidity(scores.map(verdictOf)));
}

function chooseChallenges(words: readonly string[]): readonly Challenge[] {
  if (words.length === 0) throw new UsageError('no challenge was given; name one, such as 3d, or all');
  const isMeant = (word: string, { name }: Challenge) =>
    word === ALL || word === name || word === name.replace(/[a-z]$/, '');
  const wrong = words.find((word) => !CHALLENGES.some((challenge) => isMeant(word, challenge)));
  if (wrong !== undefined) {
    const names = CHALLENGES.map(({ name }) => name).join(', ');
    throw new UsageError(`there is no challenge ${JSON.stringify(wrong)}; expected one of ${names}, or ${ALL}`);
  }
  return CHALLENGES.filter((challenge) => words.some((word) => isMeant(word, challenge)));
}

function planRuns(challenge: Challenge, { texts, rest }: GlomersOptions, loaded: Loaded): readonly PlannedRun[] {
  return challenge.runs.map((options) => {
    const words = options.split(' ');
    const fill = (text: string) =>
      text.replaceAll('{challenge}', challenge.name).replaceAll('{workload}', words[1] as string);
    const passedOn = PASSED_ON.flatMap((name) => {
      const text = texts[name];
      return text === undefined ? [] : optionWords(`--${name}`, text);
    });
    const { bin } = texts;
    const program = bin === undefined ? [] : optionWords('--bin', fill(bin));
    const node = texts.node === undefined ? [] : optionWords('--node', texts.node);
    const args = [...words, ...program, ...node, ...passedOn, '--', ...rest.map(fill)];
    const parsed = parseOptions(TEST_OPTIONS, args, WORKLOAD_OPTIONS);
    return { parsed, task: { ...interpretTestOptions(parsed, loaded), challenge: challenge.name } };
  });
}

/** Makes the runs of a challenge until a signal comes, and prints what they achieve. */
async function attempt(
  challenge: Challenge,
  planned: readonly PlannedRun[],
  values: GlomersOptions['values'],
  signals: Signals,
): Promise<Score> {
  const runs: ScoredRun[] = [];
  for (const [index, { parsed, task }] of planned.entries()) {
    // Lets a signal arrive that came while the record was written.
    await setImmediate();
    if (signals.came) break;
    if (index === 0) process.stdout.write(`${describeChallenge(challenge, values['time-limit'])}\n`);
    const beganMs = performance.now();
    const round = { task, parsed, signals, cases: [], number: 1, count: 1, beganMs, tell: () => {} };
    const { results, interrupted, report } = await runOnce(round);
    const run = scoreRun(challenge, results, interrupted);
    runs.push(run);
    const lines = [...describeTargets(run)];
    if (interrupted) lines.push('The run was stopped by a signal before its end.');
    if (run.verdict !== true && report !== undefined) lines.push(`Report: ${report}`);
    process.stdout.write(lines.map((line) => `${line}\n`).join(''));
  }
  const score = { challenge, runs };
  if (runs.length > 0) process.stdout.write(`${challenge.name}: ${scoreWord(score)}\n\n`);
  return score;
}

function describeChallenge({ name, title }: Challenge, timeLimit: number | undefined): string {
  return `Challenge ${name}: ${title}${timeLimit === undefined ? '' : `, for ${timeLimit} s`}`;
}

function listChallenges(): string {
  const entries = CHALLENGES.map((challenge) => {
    const wanted = [...describeWanted(challenge)];
    if (challenge.bestKnownOf !== undefined) wanted.push(`best known: ${challenge.bestKnownOf}`);
    return [
      `${challenge.name.padEnd(MARGIN.length)}${challenge.title}`,
      ...challenge.runs.map((options) => commandText(`snowstorm test ${options} --bin FILE`)),
      ...wanted.map((line) => MARGIN + line),
    ].join('\n');
  });
  return `${entries.join('\n\n')}\n`;
}

/** A command to paste, in lines that are not too long. */
function commandText(command: string): string {
  const lines: string[] = [];
  for (const part of command.split(/ (?=--)/)) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + part.length < COMMAND_WIDTH) lines[lines.length - 1] = `${line} ${part}`;
    else lines.push(`${MARGIN}${line === undefined ? '' : '    '}${part}`);
  }
  return lines.join(' \\\n');
}
