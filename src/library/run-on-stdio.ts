/** Runs a node of an author's as a process, as `maelstrom-node` runs ours. */

import { realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { printToStderr } from '../host/modules/print-route.ts';
import { openNodeData } from '../host/node-data.ts';
import { RUN_FOLDER_VARIABLE } from '../host/node-environment.ts';
import { LINE_BYTES_MAX } from '../host/stdio/line-filter.ts';
import { isStdoutPiped, openStdout } from '../host/stdio/line-output.ts';
import { serveStdio } from '../host/stdio/stdio-host.ts';
import { LinKvStore } from '../kv/lin-kv-store.ts';
import type { LogLevel } from '../node/environment.ts';
import { IN_FLIGHT_MAX } from '../node/node.ts';
import type { Folder } from '../protocol/folder.ts';
import { type NodeDefinition, refuseUnknown, startOwnNode } from '../workloads/own-node.ts';

const EXIT_START = 1;
const OPTIONS = ['logLevel', 'inFlightMax', 'folder'] as const satisfies readonly (keyof StdioOptions)[];

/** How a node runs as a process. */
export interface StdioOptions {
  /** The lowest level that is logged to stderr. Default: `warn`. */
  readonly logLevel?: LogLevel;
  /** How many requests may be in flight; one more gets error 11. Default: 32,768. */
  readonly inFlightMax?: number;
  /**
   * Where nodes have their folders. Default: where `snowstorm test` says, which removes it after the run; else there is
   * none.
   */
  readonly folder?: string;
}

/**
 * Serves the node on stdin and stdout, and ends the process with it, if the module that calls this is the main program.
 * Does nothing in a module that another one imports, such as the simulator or a test.
 *
 * @param node made by `defineNode`
 * @param options how it runs
 */
export function runOnStdio(node: NodeDefinition, options: StdioOptions = {}): void {
  refuseUnknown('runOnStdio', options, OPTIONS);
  if (isMain(findCaller())) void serve(node, options);
}

async function serve(node: NodeDefinition, options: StdioOptions): Promise<void> {
  const { logLevel = 'warn', inFlightMax = IN_FLIGHT_MAX, folder = process.env[RUN_FOLDER_VARIABLE] } = options;
  const output = openStdout();
  printToStderr(isStdoutPiped(), () => {
    process.stderr.write(`${node.name}: what it prints goes to stderr: stdout is for messages; use context.log\n`);
  });
  try {
    const status = await serveStdio({
      startHandlers: startOwnNode(node, (context) => ({
        kv: new LinKvStore(context),
        openFolder: () => openFolder(folder, context.nodeId),
      })),
      input: process.stdin,
      output,
      logLevel,
      inFlightMax,
      lineBytesMax: LINE_BYTES_MAX,
    });
    process.exit(status);
  } catch (error) {
    process.stderr.write(`${node.name}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(EXIT_START);
  }
}

async function openFolder(root: string | undefined, nodeId: string): Promise<Folder | undefined> {
  return root === undefined ? undefined : openNodeData(root, nodeId);
}

/** The file of the module that called {@link runOnStdio}. */
function findCaller(): string | undefined {
  const { prepareStackTrace } = Error;
  Error.prepareStackTrace = (_, frames) => frames;
  try {
    const holder: { stack?: unknown } = {};
    Error.captureStackTrace(holder, runOnStdio);
    return (holder.stack as readonly NodeJS.CallSite[])[0]?.getFileName() ?? undefined;
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
  }
}

function isMain(caller: string | undefined): boolean {
  const [, main] = process.argv;
  if (main === undefined || caller === undefined) return false;
  try {
    const file = caller.startsWith('file:') ? fileURLToPath(caller.replace(/[?#].*$/, '')) : caller;
    // The argument may be a link, and may leave out an extension.
    return realpathSync(createRequire(main).resolve(main)) === realpathSync(file);
  } catch {
    return false;
  }
}
