/**
 * Ends this process when the code of an author does not return: an endless loop would hang a run without a word. A
 * thread looks at the steps that the thread of the run counts. Only steps of nodes are limited: a checker may take as
 * long as it needs.
 *
 * The thread of the run is paused as by a debugger, to read where it is. Under a debugger of the author's nothing is
 * watched: a breakpoint looks like a loop.
 */

import { closeSync, writeSync } from 'node:fs';
import { url } from 'node:inspector';
import { isMainThread, Worker } from 'node:worker_threads';
import { acting, IS_ACTING, STEPS } from '../../simulator/acting.ts';
import { fileOf, findHome, isForeign, placeOf } from './places.ts';

const PERIOD_MS = 1000;
/**
 * Looks in a row that find a node in the same step. They are counted and not timed: a machine that sleeps, or stops
 * this process, looks at nothing.
 */
const LOOKS_MAX = 10;
const EXIT_CRASH = 255;
const STDERR = 2;
const SHOWN_LENGTH_MAX = 300;
const CAUGHT = 'snowstorm.caught';

/** A frame of the paused thread. Line and column are counted from 1. */
interface Frame {
  readonly script: string;
  readonly line: number;
  readonly column: number;
}

/** Tells when a node is in the same step for too long. */
export class StepLimit {
  readonly #beat: Int32Array;
  #steps = -1;
  #looks = 0;

  constructor(beat: Int32Array) {
    this.#beat = beat;
  }

  /** Called every {@link PERIOD_MS}. */
  isExceeded(): boolean {
    const steps = this.#beat[STEPS] as number;
    const isSame = this.#beat[IS_ACTING] === 1 && steps === this.#steps;
    this.#looks = isSame ? this.#looks + 1 : 0;
    this.#steps = steps;
    return this.#looks >= LOOKS_MAX;
  }
}

/** The memory of {@link acting}, as another thread can look at it. */
export function sharedBeat(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(acting.beat.byteLength));
}

/** Calls back once, when a node of another thread is in the same step for too long. Returns how to stop it. */
export function watchSteps(beat: Int32Array, onExceeded: () => void): () => void {
  if (url() !== undefined) return () => {};
  const limit = new StepLimit(beat);
  const timer = setInterval(() => {
    if (!limit.isExceeded()) return;
    clearInterval(timer);
    onExceeded();
  }, PERIOD_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/**
 * The watching thread, as a program of its own: a bundle cannot name a file for it. If the other thread does not pause,
 * it waits in Node itself, and cannot be asked.
 */
const THREAD = `
const { workerData: { beat, periodMs, looksMax, steps, isActing, caught } } = require('node:worker_threads');
const { Session } = require('node:inspector');
const { writeSync } = require('node:fs');
let last = -1;
let looks = 0;
setInterval(() => {
  looks = beat[isActing] === 1 && beat[steps] === last ? looks + 1 : 0;
  last = beat[steps];
  if (looks === looksMax) ask();
  if (looks === 2 * looksMax) {
    writeSync(2, 'snowstorm: a node waits for a call of Node that does not return; this process ends\\n');
    process.kill(process.pid, 'SIGKILL');
  }
}, periodMs);
function ask() {
  const session = new Session();
  session.connectToMainThread();
  const scripts = new Map();
  session.on('Debugger.scriptParsed', ({ params }) => scripts.set(params.scriptId, params.url));
  session.on('Debugger.paused', ({ params: { callFrames } }) => {
    const frames = callFrames.map(({ location: { scriptId, lineNumber, columnNumber } }) => ({
      script: scripts.get(scriptId) ?? '', line: lineNumber + 1, column: columnNumber + 1 }));
    const expression = 'globalThis[Symbol.for("' + caught + '")](' + JSON.stringify(frames) + ')';
    session.post('Debugger.evaluateOnCallFrame', { callFrameId: callFrames[0].callFrameId, expression }, () => {
      looks = 0;
      session.post('Debugger.resume', () => session.disconnect());
    });
  });
  session.post('Debugger.enable', () => session.post('Debugger.pause'));
}`;

let isWatched = false;

/** Watches this thread from now on, if it is the main one. The process ends with 255 and a sentence on stderr. */
export function startWatchdog(): void {
  if (isWatched || !isMainThread || url() !== undefined) return;
  isWatched = true;
  const beat = sharedBeat();
  acting.beat = beat;
  const home = findHome();
  Object.defineProperty(globalThis, Symbol.for(CAUGHT), { value: (frames: readonly Frame[]) => quit(frames, home) });
  const workerData = {
    ...{ beat, periodMs: PERIOD_MS, looksMax: LOOKS_MAX },
    ...{ steps: STEPS, isActing: IS_ACTING, caught: CAUGHT },
  };
  new Worker(THREAD, { eval: true, workerData, execArgv: [] }).unref();
}

/** Ends the process, unless the node has returned meanwhile. */
function quit(frames: readonly Frame[], home: string | undefined): void {
  if (acting.actor === undefined) return;
  writeSync(STDERR, `snowstorm: ${describeHang(frames, home)}\n`);
  // Node would say that it waits for a debugger.
  closeSync(STDERR);
  (process as unknown as { reallyExit(status: number): never }).reallyExit(EXIT_CRASH);
}

function describeHang(frames: readonly Frame[], home: string | undefined): string {
  const { actor, what } = acting;
  const own = frames.find(({ script }) => {
    const file = fileOf(script);
    return file?.startsWith('/') && !isForeign(file) && !(home !== undefined && file.startsWith(home));
  });
  const place = own === undefined ? '' : ` from ${placeOf(own.script, own.line, own.column)}`;
  const text = typeof what === 'string' ? what : JSON.stringify(what);
  const shown = text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}…` : text;
  return (
    `${actor?.nodeId} has not returned${place} for ${(LOOKS_MAX * PERIOD_MS) / 1000} s: an endless loop? ` +
    `It began at ${Math.floor(actor?.now() ?? 0)} ms of the run, with ${shown}`
  );
}
