/**
 * `snowstorm serve-store`: shows the runs of a store in a browser, until a signal ends it.
 */

import { readdirSync } from 'node:fs';
import { StoreServer } from '../host/records/store-server.ts';
import { describeOptions, type Option, parseOptions, parseWhole, switchOption, UsageError } from './options.ts';
import { TEST_OPTIONS } from './test-options.ts';

const PORT = 8080;
const PORT_MAX = 65_535;
const HOST = '127.0.0.1';

const SERVE_STORE_OPTIONS = {
  port: {
    value: 'N',
    text: `The port that it listens on; 0: any free port. Default: ${PORT}.`,
    absent: PORT,
    parse: parseWhole(0, PORT_MAX),
  } satisfies Option<number>,
  host: {
    value: 'HOST',
    text: `The address that it listens on. Default: ${HOST}, for this machine only. On any other
address, such as 0.0.0.0, other machines can read all runs.`,
    absent: HOST,
    parse: (text: string): string => {
      if (text === '') throw new Error('expected an address or a name');
      return text;
    },
  } satisfies Option<string>,
  store: { ...TEST_OPTIONS.store, text: 'The folder of the recorded runs. Default: store.' },
  help: switchOption('Prints this text.', 'h'),
};

const HELP = `Usage: snowstorm serve-store [options]

Lists the runs of a store on a web page, newest first, and opens their reports and the other files of their folders.
It runs until SIGINT (Ctrl-C) or SIGTERM.

${describeOptions(SERVE_STORE_OPTIONS)}

Exit status: 0 ended by a signal, 254 bad arguments, 255 the command itself failed.
`;

/** Runs the command until a signal comes; resolves to the exit status. */
export async function serveStoreCommand(args: readonly string[]): Promise<number> {
  const { values, words, rest } = parseOptions(SERVE_STORE_OPTIONS, args);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const [unexpected] = [...words, ...rest];
  if (unexpected !== undefined) throw new UsageError(`unexpected argument ${JSON.stringify(unexpected)}`);
  const { store, host, port } = values;
  checkStore(store);
  // Before the line is printed: its reader may send a signal at once.
  const signalled = new Promise<void>((resolve) => {
    process.on('SIGINT', () => resolve()).on('SIGTERM', () => resolve());
  });
  const server = await start(store, host, port);
  process.stdout.write(`Serving ${store.replace(/\/*$/, '/')} at ${server.url}\n`);
  await signalled;
  await server.close();
  return 0;
}

function checkStore(store: string): void {
  try {
    readdirSync(store);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new UsageError(`--store ${store}: there is no such folder`);
    if (code === 'ENOTDIR') throw new UsageError(`--store ${store}: this is not a folder`);
    throw new UsageError(`--store ${store}: ${message}`);
  }
}

async function start(store: string, host: string, port: number): Promise<StoreServer> {
  try {
    return await StoreServer.start({ store, host, port });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') throw new UsageError(`--port ${port}: this port of ${host} is in use`);
    if (code === 'EACCES')
      throw new UsageError(`--port ${port}: this user has no permission to open this port of ${host}`);
    throw new UsageError(`--host ${host}: ${message}`);
  }
}
