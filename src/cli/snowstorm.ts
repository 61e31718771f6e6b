/**
 * `snowstorm`: the command line.
 */

import { isMainThread } from 'node:worker_threads';
import { countLoadedModules } from '../host/modules/load-module.ts';
import { nameSourcesInStacks } from '../host/source-stacks.ts';
import { UsageError } from './options.ts';
import { VERSION } from './version.ts';

const EXIT_USAGE = 254;
const EXIT_CRASH = 255;

type Command = (args: readonly string[]) => number | Promise<number>;

/** Each is loaded when it is asked for: the start of one does not wait for what only others need. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  test: async () => (await import('./test-command.ts')).testCommand,
  check: async () => (await import('./check-command.ts')).checkCommand,
  fuzz: async () => (await import('./fuzz-command.ts')).fuzzCommand,
  explore: async () => (await import('./explore-command.ts')).exploreCommand,
  glomers: async () => (await import('./glomers-command.ts')).glomersCommand,
  new: async () => (await import('./new-command.ts')).newCommand,
  id: async () => (await import('./id-command.ts')).idCommand,
  report: async () => (await import('./report-command.ts')).reportCommand,
  serve: async () => (await import('./serve-command.ts')).serveCommand,
  backup: async () => (await import('./backup-command.ts')).backupCommand,
  restore: async () => (await import('./restore-command.ts')).restoreCommand,
  audit: async () => (await import('./audit-command.ts')).auditCommand,
  'serve-store': async () => (await import('./serve-store-command.ts')).serveStoreCommand,
};

const HELP = `Usage: snowstorm COMMAND [options]

  new          writes a folder with a node of yours and its test                (new --help)
  test         runs a workload, on real processes or simulated, and checks it   (test --help)
  check        judges recorded histories, of Jepsen and Maelstrom too            (check --help)
  fuzz         runs it simulated with many seeds, under all or some faults      (fuzz --help)
  explore      runs it simulated with a crash at every single step              (explore --help)
  glomers      runs the challenges of Fly.io's Gossip Glomers on a node          (glomers --help)
  id decode    shows the parts of ids                                           (id --help)
  report       draws the report of a recorded run again                         (report --help)
  serve        serves ids, vouchers, profiles and transfers over HTTP            (serve --help)
  backup       writes the store of running services into a file                  (backup --help)
  restore      puts such a file into an empty store                             (restore --help)
  audit verify finds what was tampered with in the audit of services           (audit --help)
  serve-store  lists recorded runs and opens their reports, on this machine     (serve-store --help)
  --version    prints the version
  --help       prints this text
`;

async function main(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  const load = command !== undefined && Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
  if (load !== undefined) return (await load())(rest);
  switch (command) {
    case '--version':
      process.stdout.write(`${VERSION}\n`);
      return 0;
    case '--help':
    case '-h':
      process.stdout.write(HELP);
      return 0;
    default:
      throw new UsageError(
        command === undefined ? 'no command was given' : `there is no command ${JSON.stringify(command)}`,
      );
  }
}

/**
 * Also for errors outside of the command's promise, such as a full disk. By default Node would exit with 1, which is
 * the status of an invalid run.
 */
function crash(error: unknown): never {
  process.stderr.write(`snowstorm: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(EXIT_CRASH);
}

nameSourcesInStacks(__filename);
process.on('uncaughtException', crash);
// The reader of the output may go away. The run and its exit status do not depend on it.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

function start(args: readonly string[]): void {
  let isOver = false;
  process.on('exit', (status) => {
    if (isOver || status !== 0 || countLoadedModules() === 0) return;
    process.stderr.write(
      'snowstorm: the command ended before its end: a module calls process.exit, or awaits what never comes\n',
    );
    process.exitCode = EXIT_CRASH;
  });
  main(args).then(
    (status) => {
      isOver = true;
      process.exit(status);
    },
    (error: unknown) => {
      if (!(error instanceof UsageError)) crash(error);
      const command = Object.hasOwn(COMMANDS, args[0] ?? '') ? ` ${args[0]}` : '';
      process.stderr.write(`snowstorm: ${error.message}\nTry snowstorm${command} --help\n`);
      process.exit(EXIT_USAGE);
    },
  );
}

async function serveThread(): Promise<void> {
  (await import('./fuzz-worker.ts')).serveFuzz();
}

// The threads of fuzz run this program, too.
if (isMainThread) start(process.argv.slice(2));
else void serveThread();
