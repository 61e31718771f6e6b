/**
 * `maelstrom-node`: serves every workload at once on stdin and stdout, for Maelstrom and for `snowstorm test`.
 */

import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { FileReservation } from '../host/file-reservation.ts';
import { LINE_BYTES_MAX } from '../host/line-guard.ts';
import { openStdout } from '../host/line-output.ts';
import { serveStdio } from '../host/stdio-host.ts';
import { MAX_SKEW_MS_DEFAULT } from '../ids/anchored-clock.ts';
import { LEAD_MS_MAX_DEFAULT, WINDOW_MS_DEFAULT } from '../ids/id-generator.ts';
import { LOG_LEVELS, type LogLevel } from '../node/environment.ts';
import { IN_FLIGHT_MAX } from '../node/node.ts';
import { startWorkloads, WORKLOADS } from '../workloads/registry.ts';
import {
  describeOptions,
  type Option,
  parseDurationMs,
  parseOneOf,
  parseOptions,
  parseWhole,
  switchOption,
  UsageError,
} from './options.ts';
import { VERSION } from './version.ts';

const EXIT_USAGE = 2;
const EXIT_START = 1;

/** Far above what is ever needed, and low enough that a line of it is still a string to V8. */
const LINE_BYTES_LIMIT = 256 * 1024 * 1024;

const OPTIONS = {
  'state-dir': {
    value: 'DIR|none',
    text: `Where ids reserve time, a file a node, so that a restart never repeats one. Default: a folder
in the system's temporary directory. none: no file; ids are then unique as long as the
clock is not stepped back around a restart.`,
    absent: undefined,
    parse: (text: string): string | undefined => {
      if (text === '') throw new Error('expected a folder, or none');
      return text;
    },
  } satisfies Option<string | undefined>,
  reserve: {
    value: 'TIME',
    text: `How much time ids reserve ahead. Default: ${WINDOW_MS_DEFAULT}ms.`,
    absent: WINDOW_MS_DEFAULT,
    parse: parseDurationMs(1),
  } satisfies Option<number>,
  'max-lead': {
    value: 'TIME',
    text: `How far ids may run ahead of the clock; beyond it a request is answered 11. Default: ${LEAD_MS_MAX_DEFAULT / 1000}s.`,
    absent: LEAD_MS_MAX_DEFAULT,
    parse: parseDurationMs(1),
  } satisfies Option<number>,
  'max-skew': {
    value: 'TIME',
    text: `A clock that is off by more than this is not believed; at a start it may be a year ahead of
the last life, as a node may have been away. Default: ${MAX_SKEW_MS_DEFAULT / 3_600_000}h.`,
    absent: MAX_SKEW_MS_DEFAULT,
    parse: parseDurationMs(1),
  } satisfies Option<number>,
  'max-in-flight': {
    value: 'N',
    text: `Requests worked on at once; one more is answered 11. Default: ${IN_FLIGHT_MAX}.`,
    absent: IN_FLIGHT_MAX,
    parse: parseWhole(1),
  } satisfies Option<number>,
  'max-line-bytes': {
    value: 'N',
    text: `A longer line is refused. Default: ${LINE_BYTES_MAX}.`,
    absent: LINE_BYTES_MAX,
    parse: parseWhole(1024, LINE_BYTES_LIMIT),
  } satisfies Option<number>,
  'log-level': {
    value: 'LEVEL',
    text: `Least level that is logged to stderr: ${LOG_LEVELS.join(', ')}. Default: warn.`,
    absent: 'warn',
    parse: parseOneOf(LOG_LEVELS),
  } satisfies Option<LogLevel>,
  version: switchOption('Prints the version.'),
  help: switchOption('Prints this text.', 'h'),
};

function helpText(): string {
  const names = WORKLOADS.map(({ name }) => name).join(', ');
  return `Usage: maelstrom-node [options]

A node that speaks Maelstrom's protocol: one JSON message a line on stdin and stdout, logs on stderr.
It serves all workloads at once: ${names}.

${describeOptions(OPTIONS)}

With Maelstrom:  maelstrom test -w unique-ids --bin bin/maelstrom-node --node-count 3
Without a JVM:   snowstorm test -w unique-ids --bin bin/maelstrom-node --node-count 3
`;
}

/** By the number of the user, who need not have a name: containers run under numbers that nobody has heard of. */
function defaultStateFolder(): string {
  return join(tmpdir(), `snowstorm-${process.getuid?.() ?? 'state'}`);
}

async function main(): Promise<number> {
  const { values, words, rest } = parseOptions(OPTIONS, process.argv.slice(2));
  const stray = words[0] ?? rest[0];
  if (stray !== undefined) throw new UsageError(`unexpected argument ${JSON.stringify(stray)}`);
  if (values.help || values.version) {
    process.stdout.write(values.help ? helpText() : `${VERSION}\n`);
    return 0;
  }
  if (values.reserve > values['max-lead']) {
    throw new UsageError('--reserve must not be longer than --max-lead: a restarted node could not serve at once');
  }
  // Ids run ahead by one lead at most, and what is reserved behind them by another.
  if (values['max-skew'] < 2 * values['max-lead']) {
    throw new UsageError(
      '--max-skew must be twice --max-lead at least: a restarted node would not believe its own ids',
    );
  }
  const stateFolder = values['state-dir'];
  // A named folder that cannot be used stops the start, long before the first id is asked for.
  if (stateFolder !== undefined && stateFolder !== 'none') await FileReservation.open(resolve(stateFolder), 'start');
  return serveStdio({
    startHandlers: startWorkloads({
      openReservation: async ({ nodeId }) =>
        stateFolder === 'none' ? undefined : FileReservation.open(resolve(stateFolder ?? defaultStateFolder()), nodeId),
      idLimits: { leadMsMax: values['max-lead'], maxSkewMs: values['max-skew'], windowMs: values.reserve },
    }),
    input: process.stdin,
    output: openStdout(),
    logLevel: values['log-level'],
    inFlightMax: values['max-in-flight'],
    lineBytesMax: values['max-line-bytes'],
  });
}

main().then(
  (status) => process.exit(status),
  (error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    const hint = error instanceof UsageError ? '\nTry maelstrom-node --help' : '';
    process.stderr.write(`maelstrom-node: ${reason}${hint}\n`);
    process.exit(error instanceof UsageError ? EXIT_USAGE : EXIT_START);
  },
);
