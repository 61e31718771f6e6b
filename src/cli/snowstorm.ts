/**
 * `snowstorm`: the command line, a line a command.
 */

import { idCommand } from './id-command.ts';
import { UsageError } from './options.ts';
import { testCommand } from './test-command.ts';
import { VERSION } from './version.ts';

const EXIT_USAGE = 254;
const EXIT_CRASH = 255;

const HELP = `Usage: snowstorm COMMAND [options]

  test         runs a workload against real node processes and checks it   (test --help)
  id decode    shows what is inside of ids                                 (id --help)
  --version    prints the version
  --help       prints this text
`;

async function main(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  switch (command) {
    case 'test':
      return testCommand(rest);
    case 'id':
      return idCommand(rest);
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

main(process.argv.slice(2)).then(
  (status) => process.exit(status),
  (error: unknown) => {
    if (error instanceof UsageError) {
      process.stderr.write(`snowstorm: ${error.message}\nTry snowstorm --help\n`);
      process.exit(EXIT_USAGE);
    }
    process.stderr.write(`snowstorm: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(EXIT_CRASH);
  },
);
