/**
 * Notices where an author's module reaches for the time, randomness, timers, sockets or files of this process. In a
 * simulated run they are not those of the simulated machine, so the same seed would give another run. What is called
 * still works: each place is told once.
 *
 * A call belongs to the innermost frame that is neither Node's nor a package's. Calls of this program do not count.
 */

import type * as childProcess from 'node:child_process';
import type * as crypto from 'node:crypto';
import type * as dgram from 'node:dgram';
import type * as fsModule from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import type * as net from 'node:net';
import { acting } from '../../simulator/acting.ts';
import { captureFrames, fileOf, findHome, isForeign, placeOf } from './places.ts';

export interface ImpureUse {
  /** `Date.now()` */
  readonly what: string;
  /** `my-node.ts:12`, from the working folder. */
  readonly place: string;
  /** What a node has for it. */
  readonly instead: string;
}

/** Of one function. A node that calls it for every message would become slow otherwise. */
const LOOKS_MAX = 1000;

const CLOCK = 'context.clock';
const SLEEP = 'context.sleep(durationMs)';
const RANDOM = 'context.randomUint32()';
const MESSAGES = 'context.send, context.rpc and the ports of the node';

const FOLDER = 'openFolder of the ports of the node, and Journal';
/** Reading a file while a module is loaded gives the same every time; what a node does with files does not. */
const FILES = [
  ...(['access', 'appendFile', 'copyFile', 'cp', 'link', 'mkdir', 'mkdtemp', 'open', 'opendir', 'readdir'] as const),
  ...(['readFile', 'rename', 'rm', 'rmdir', 'stat', 'truncate', 'unlink', 'utimes', 'writeFile'] as const),
];
const FILE_STREAMS = ['createReadStream', 'createWriteStream', 'exists', 'existsSync', 'watch', 'watchFile'];

/** What is watched: the owner, its functions, how a call is written, and what a node has for it. */
type Watched = readonly [
  owner: object | undefined,
  names: readonly string[],
  words: (name: string) => string,
  instead: string,
  /** Whether only the calls of a node that acts count. */
  onlyActing?: true,
];

const plain = (name: string) => `${name}()`;
const of = (owner: string) => (name: string) => `${owner}.${name}()`;

/** The exports of Node's modules, as they can be replaced. */
function watched(): readonly Watched[] {
  // Loaded here, since a run without modules needs none of them.
  const require = createRequire(process.execPath);
  const { Socket, Server } = require('node:net') as typeof net;
  const { Socket: Datagrams } = require('node:dgram') as typeof dgram;
  const fs = require('node:fs') as typeof fsModule;
  const timers = ['setTimeout', 'setInterval', 'setImmediate'];
  const programs = ['exec', 'execFile', 'execFileSync', 'execSync', 'fork', 'spawn', 'spawnSync'];
  const draws = ['randomBytes', 'randomFill', 'randomFillSync', 'randomInt', 'randomUUID', 'getRandomValues'];
  return [
    [Math, ['random'], of('Math'), RANDOM],
    [globalThis.performance, ['now'], of('performance'), CLOCK],
    [process, ['hrtime', 'uptime'], of('process'), CLOCK],
    [process.hrtime, ['bigint'], of('process.hrtime'), CLOCK],
    [globalThis, timers, plain, SLEEP],
    [globalThis, ['fetch'], plain, MESSAGES],
    [require('node:timers'), timers, plain, SLEEP],
    [require('node:timers/promises'), timers, of('timers/promises'), SLEEP],
    [AbortSignal, ['timeout'], of('AbortSignal'), SLEEP],
    [globalThis.crypto, ['randomUUID', 'getRandomValues'], of('crypto'), RANDOM],
    [require('node:crypto') as typeof crypto, draws, of('crypto'), RANDOM],
    [Socket.prototype, ['connect'], of('net.Socket'), MESSAGES],
    [Server.prototype, ['listen'], of('net.Server'), MESSAGES],
    [Datagrams.prototype, ['bind', 'send'], of('dgram.Socket'), MESSAGES],
    [require('node:child_process') as typeof childProcess, programs, of('child_process'), MESSAGES],
    [require('node:dns') as object, ['lookup', 'resolve', 'resolve4', 'resolve6'], of('dns'), MESSAGES],
    [fs, [...FILES, ...FILES.map((name) => `${name}Sync`), ...FILE_STREAMS], of('fs'), FOLDER, true],
    [fs.promises, FILES, of('fs.promises'), FOLDER, true],
  ];
}

/** Told a call. `trap` is the function that stands in place of the called one. */
type Notice = (what: string, instead: string, trap: (...args: never[]) => unknown) => void;

/**
 * Watches from now on, until the returned function is called.
 *
 * @param onUse told each place once
 */
export function watchImpurity(onUse: (use: ImpureUse) => void): () => void {
  const told = new Set<string>();
  const looks = new Map<string, number>();
  const home = findHome();
  const notice: Notice = (what, instead, trap) => {
    const count = looks.get(what) ?? 0;
    if (count >= LOOKS_MAX) return;
    const place = findCaller(captureFrames(trap), home);
    if (place === undefined) return;
    looks.set(what, count + 1);
    const key = `${what} ${place}`;
    if (told.has(key)) return;
    told.add(key);
    onUse({ what, place, instead });
  };
  const restores = [replaceDate(notice)];
  for (const [owner, names, words, instead, onlyActing] of watched()) {
    for (const name of names) {
      const before = (trap: (...args: never[]) => unknown) => {
        if (!onlyActing || acting.actor !== undefined) notice(words(name), instead, trap);
      };
      const restore = owner && replaceFunction(owner, name, before);
      if (restore !== undefined) restores.push(restore);
    }
  }
  syncBuiltinESMExports();
  return () => {
    for (const restore of restores.reverse()) restore();
    syncBuiltinESMExports();
  };
}

/** Calls `before` at each call of a function. Returns how to undo it; undefined if it cannot be replaced. */
function replaceFunction(
  owner: object,
  name: string,
  before: (trap: (...args: never[]) => unknown) => void,
): (() => void) | undefined {
  const original = (owner as Record<string, unknown>)[name];
  if (typeof original !== 'function') return undefined;
  const own = Object.getOwnPropertyDescriptor(owner, name);
  if (own?.configurable === false) return undefined;
  const apply = (target: typeof original, self: unknown, args: unknown[]) => {
    before(apply);
    return Reflect.apply(target, self, args);
  };
  // A proxy, since such functions have properties of their own: setTimeout has one for promises.
  const value = new Proxy(original, { apply });
  Object.defineProperty(owner, name, {
    value,
    configurable: true,
    writable: true,
    enumerable: own?.enumerable ?? true,
  });
  return () => {
    if (own === undefined) delete (owner as Record<string, unknown>)[name];
    else Object.defineProperty(owner, name, own);
  };
}

function replaceDate(notice: Notice): () => void {
  const original = Date;
  const now = () => {
    notice('Date.now()', CLOCK, now);
    return original.now();
  };
  const construct = (
    target: DateConstructor,
    args: unknown[],
    self: Parameters<typeof Reflect.construct>[2],
  ): object => {
    if (args.length === 0) notice('new Date()', CLOCK, construct);
    return Reflect.construct(target, args, self);
  };
  const apply = (target: DateConstructor, self: unknown, args: unknown[]) => {
    notice('Date()', CLOCK, apply);
    return Reflect.apply(target, self, args);
  };
  globalThis.Date = new Proxy(original, {
    get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
    construct,
    apply,
  });
  return () => {
    globalThis.Date = original;
  };
}

/** The line of the author's that made a call; undefined if this program made it, or Node to load a module. */
function findCaller(frames: readonly NodeJS.CallSite[], home: string | undefined): string | undefined {
  for (const frame of frames) {
    const file = fileOf(frame.getFileName());
    if (file === undefined) continue;
    if (file.startsWith('node:internal/modules')) return undefined;
    if (home !== undefined && file.startsWith(home)) return undefined;
    if (!isForeign(file))
      return placeOf(frame.getFileName() as string, frame.getLineNumber() ?? 0, frame.getColumnNumber() ?? 0);
  }
  return undefined;
}

/** A sentence about a use. */
export function describeImpurity({ what, place, instead }: ImpureUse): string {
  return `${place} calls ${what}: the same seed may give another run, so a failure may not replay; use ${instead}`;
}
