/**
 * `chaos`: stands between a harness and a node, and injects faults that Maelstrom's command line lacks: kills, pauses,
 * cuts from services, loss, duplication, delay.
 */

import { accessSync, constants, statSync } from 'node:fs';
import { constants as systemConstants } from 'node:os';
import { resolve } from 'node:path';
import type { ChaosOptions } from '../chaos/chaos.ts';
import { PEER_CHOICES, type PeerChoice } from '../chaos/peers.ts';
import { SERVICE_NAMES } from '../harness/services/names.ts';
import { superviseStdio } from '../host/processes/chaos-host.ts';
import { nameSourcesInStacks } from '../host/source-stacks.ts';
import { closeStdout, openStdout } from '../host/stdio/line-output.ts';
import { LOG_LEVELS, type LogLevel } from '../node/environment.ts';
import {
  describeOptions,
  drawSeed,
  exceedOne,
  type Option,
  type ParsedOptions,
  parseNumber,
  parseOneOf,
  parseOptions,
  seedOption,
  switchOption,
  UsageError,
} from './options.ts';
import { VERSION } from './version.ts';

const EXIT_USAGE = 254;
const EXIT_CRASH = 255;

/** With more frequent faults the node would never serve. */
const SECONDS_MIN = 0.01;
const SECONDS_MAX = 1e6;
const DELAY_MS_DEFAULT = 1000;
/** Maelstrom's. */
const CLIENT_TIMEOUT_S = 5;

function secondsOption(text: string): Option<number | undefined> {
  return {
    value: 'SECONDS',
    text,
    absent: undefined,
    parse: (given) => parseNumber(SECONDS_MIN, SECONDS_MAX)(given),
  };
}

function probabilityOption(text: string): Option<number> {
  return { value: 'P', text, absent: 0, parse: parseNumber(0, 1) };
}

const OPTIONS = {
  kill: secondsOption(`Mean time between two kills (-9). The node is restarted within a second and receives its init
again. Messages in between are lost.`),
  pause: secondsOption('Mean time between two pauses (SIGSTOP). A pause lasts a quarter of that on average.'),
  'service-cut': secondsOption(
    `Mean time between two cuts from ${SERVICE_NAMES.join(', ')},
in one direction or both. A cut lasts half of that on average.`,
  ),
  'node-cut': secondsOption('The same for cuts from some of the other nodes.'),
  loss: probabilityOption('Probability that a message is lost.'),
  duplicate: probabilityOption('Probability that a message comes twice, the second time later.'),
  delay: probabilityOption('Probability that a message comes later.'),
  'delay-ms': {
    value: 'MS',
    text: `Mean delay, exponentially distributed. Default: ${DELAY_MS_DEFAULT}.`,
    absent: DELAY_MS_DEFAULT,
    parse: parseNumber(0, 1e6),
  } satisfies Option<number>,
  peers: {
    value: PEER_CHOICES.join('|'),
    text: `Which messages are lost, duplicated and delayed: those of other nodes, of services, or both. Never
those of clients. Default: all.`,
    absent: 'all',
    parse: parseOneOf(PEER_CHOICES),
  } satisfies Option<PeerChoice>,
  for: secondsOption(`Time after init at which faults end and are healed, so that all nodes serve at the end of a test.
Default: never.`),
  'client-timeout': {
    value: 'SECONDS',
    text: `How long clients wait for a reply. Later replies are held back, since Maelstrom stops reading a node
after one. Default: ${CLIENT_TIMEOUT_S}.`,
    absent: CLIENT_TIMEOUT_S,
    parse: parseNumber(SECONDS_MIN, SECONDS_MAX),
  } satisfies Option<number>,
  seed: seedOption('Repeats all choices. Each node has its own. Default: a new seed, which is logged.'),
  'log-level': {
    value: 'LEVEL',
    text: `The lowest level that is logged to stderr: ${LOG_LEVELS.join(', ')}.
Every fault is logged as info. Default: info.`,
    absent: 'info',
    parse: parseOneOf(LOG_LEVELS),
  } satisfies Option<LogLevel>,
  version: switchOption('Prints the version.'),
  help: switchOption('Prints this text.', 'h'),
};

const HELP = `Usage: chaos [options] -- NODE [arguments of the node]

Stands between a harness and the program NODE, which both speak Maelstrom's protocol, and injects faults.
Without options it injects none.

${describeOptions(OPTIONS)}

The harness passes on what follows its own --:

  maelstrom test -w unique-ids --bin bin/chaos --node-count 3 -- --kill 5 -- bin/maelstrom-node
  snowstorm test -w unique-ids --bin bin/chaos --node-count 3 -- --kill 5 -- bin/maelstrom-node

Exit status: that of the node if it ends by itself, 0 if it had to be killed at the end, 1 if it refused init
after a restart or its output cannot be read, 254 bad arguments, 255 it could not be started.
`;

type ChaosValues = ParsedOptions<typeof OPTIONS>['values'];

function interpretFaults(values: ChaosValues): ChaosOptions {
  const { loss, duplicate, delay } = values;
  if (exceedOne([loss, duplicate, delay])) {
    throw new UsageError(
      `--loss, --duplicate, --delay: the probabilities (${loss}, ${duplicate}, ${delay}) add up to more than 1`,
    );
  }
  const ms = (seconds: number | undefined) => (seconds === undefined ? undefined : seconds * 1000);
  return {
    seed: values.seed ?? drawSeed(),
    killMs: ms(values.kill),
    pauseMs: ms(values.pause),
    serviceCutMs: ms(values['service-cut']),
    nodeCutMs: ms(values['node-cut']),
    loss,
    duplicate,
    delay,
    delayMeanMs: values['delay-ms'],
    peers: values.peers,
    forMs: ms(values.for),
    clientTimeoutMs: values['client-timeout'] * 1000,
  };
}

/**
 * The full path of the program. A harness starts nodes in another folder, where a relative path is wrong. PWD still
 * names the folder of the shell. The system looks up a name without a slash.
 */
function findProgram(file: string): string {
  if (!file.includes('/')) return file;
  const folders = [...new Set([process.cwd(), process.env.PWD ?? process.cwd()])];
  const found = folders.map((folder) => resolve(folder, file)).find(isFile);
  if (found === undefined) throw new UsageError(`${file}: there is no such file in ${folders.join(' or ')}`);
  try {
    accessSync(found, constants.X_OK);
  } catch {
    throw new UsageError(`${file}: this file is not executable; chmod +x it`);
  }
  return found;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** The harness has its own `--`. So the one of chaos is often forgotten. */
function secondSeparatorMissing(program: string): UsageError {
  return new UsageError(`${program} is not an option of chaos: put a second -- before the program of the node`);
}

async function main(): Promise<number> {
  const given = process.argv.slice(2);
  // First, since the options of the node would be unknown options.
  const [first] = given;
  if (first !== undefined && !first.startsWith('-') && !given.includes('--')) throw secondSeparatorMissing(first);
  const { values, words, rest } = parseOptions(OPTIONS, given);
  if (values.help || values.version) {
    process.stdout.write(values.help ? HELP : `${VERSION}\n`);
    return 0;
  }
  if (words.length > 0) {
    if (!given.includes('--')) throw secondSeparatorMissing(words[0] as string);
    throw new UsageError(`unexpected argument ${JSON.stringify(words[0])}; the node goes after --`);
  }
  const [file, ...args] = rest;
  if (file === undefined) throw new UsageError('NODE is missing: its program goes after --, with its arguments');
  const output = openStdout();
  return superviseStdio({
    chaos: interpretFaults(values),
    program: findProgram(file),
    args,
    input: process.stdin,
    output,
    closeOutput: () => closeStdout(output),
    logLevel: values['log-level'],
    signalNumbers: systemConstants.signals,
  });
}

nameSourcesInStacks(__filename);
main().then(
  (status) => process.exit(status),
  (error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    const hint = error instanceof UsageError ? '\nTry chaos --help' : '';
    process.stderr.write(`chaos: ${reason}${hint}\n`);
    process.exit(error instanceof UsageError ? EXIT_USAGE : EXIT_CRASH);
  },
);
