/**
 * Where what an author's code prints goes, since stdout is for results or messages. In a simulated run it goes to the
 * log of the node that prints, where a process has its stderr; in a process, to stderr.
 */

import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { isMainThread } from 'node:worker_threads';
import { acting } from '../../simulator/acting.ts';

const METHODS = [
  ...(['assert', 'count', 'countReset', 'debug', 'dir', 'dirxml', 'error', 'group', 'groupCollapsed'] as const),
  ...(['groupEnd', 'info', 'log', 'table', 'time', 'timeEnd', 'timeLog', 'trace', 'warn'] as const),
];

let isLoading = false;

/** Runs `load`, which loads a module of an author's. What that prints is not for stdout either. */
export async function whileLoading<Value>(load: () => Promise<Value>): Promise<Value> {
  isLoading = true;
  try {
    return await load();
  } finally {
    isLoading = false;
  }
}

/**
 * Routes what simulated nodes print, and what modules print while they are loaded, from now on.
 *
 * @param onPrint called each time that a node prints
 */
export function routePrints(onPrint: () => void): () => void {
  const { stdout, stderr } = process;
  const write = { out: stdout.write, err: stderr.write };
  // The log may itself be shown on stderr.
  let isLogging = false;
  /** Whether a text was taken. */
  const take = (level: 'info' | 'warn', text: string): boolean => {
    const { actor } = acting;
    if (isLogging) return false;
    if (actor === undefined) {
      if (!isLoading) return false;
      // Each thread loads the module.
      if (isMainThread) write.err.call(stderr, text);
      return true;
    }
    onPrint();
    isLogging = true;
    try {
      for (const line of text.replace(/\n$/, '').split('\n')) actor.log[level](line);
    } finally {
      isLogging = false;
    }
    return true;
  };
  const routed =
    (level: 'info' | 'warn', original: typeof stdout.write, stream: NodeJS.WriteStream) =>
    (...args: unknown[]): boolean => {
      const [chunk] = args;
      const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk as Uint8Array).toString();
      if (!take(level, text)) return Reflect.apply(original, stream, args);
      const callback = args.findLast((arg) => typeof arg === 'function') as (() => void) | undefined;
      if (callback !== undefined) process.nextTick(callback);
      return true;
    };
  stdout.write = routed('info', write.out, stdout) as typeof stdout.write;
  stderr.write = routed('warn', write.err, stderr) as typeof stderr.write;
  const sink = (level: 'info' | 'warn') =>
    new Writable({
      decodeStrings: false,
      write: (chunk, _encoding, done) => {
        const text = String(chunk);
        // A checker that prints: not a node, and not the verdict.
        if (!take(level, text)) write.err.call(stderr, text);
        done();
      },
    });
  const restore = replaceConsole(new Console({ stdout: sink('info'), stderr: sink('warn') }));
  return () => {
    restore();
    stdout.write = write.out;
    stderr.write = write.err;
  };
}

/**
 * Sends what this process prints to stderr from now on.
 *
 * @param isPiped whether messages leave by another stream than `process.stdout`
 * @param onFirst called before the first of it
 */
export function printToStderr(isPiped: boolean, onFirst: () => void): void {
  let isTold = false;
  const sink = new Writable({
    decodeStrings: false,
    write: (chunk, _encoding, done) => {
      if (!isTold) onFirst();
      isTold = true;
      process.stderr.write(chunk);
      done();
    },
  });
  // Not process.stdout itself: that would open the descriptor a second time, and make it block.
  if (isPiped) Object.defineProperty(process, 'stdout', { configurable: true, enumerable: true, get: () => sink });
  replaceConsole(new Console({ stdout: sink, stderr: process.stderr }));
}

/** Returns how to undo it. */
function replaceConsole(by: Console): () => void {
  const own = new Map(METHODS.map((name) => [name, console[name]] as const));
  for (const name of METHODS) console[name] = by[name].bind(by) as never;
  return () => {
    for (const [name, method] of own) console[name] = method as never;
  };
}
