/**
 * `snowstorm id decode`: the parts of an id.
 */

import { decodeSnowflake } from '../ids/snowflake.ts';
import { decodeUuid } from '../ids/uuid.ts';
import { UsageError } from './options.ts';

const HELP = `Usage: snowstorm id decode ID…

Prints the timestamp, the node number and the sequence number of each id, a Snowflake id or a UUIDv7.
`;

/** Runs the command; resolves to the exit status: 1 if an argument is not an id. */
export async function idCommand(args: readonly string[]): Promise<number> {
  const [verb, ...ids] = args;
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(HELP);
    return 0;
  }
  if (verb !== 'decode')
    throw new UsageError(
      verb === undefined
        ? 'id: no command was given; expected decode'
        : `id: there is no command ${JSON.stringify(verb)}; expected decode`,
    );
  if (ids.length === 0) throw new UsageError('id decode: no id was given');
  let status = 0;
  for (const id of ids) {
    try {
      const { timestampMs, node, sequence } = id.includes('-', 1) ? decodeUuid(id) : decodeSnowflake(id);
      process.stdout.write(`${id}  ${new Date(timestampMs).toISOString()}  node ${node}  sequence ${sequence}\n`);
    } catch (error) {
      process.stderr.write(`snowstorm: ${(error as Error).message}\n`);
      status = 1;
    }
  }
  return status;
}
