/** V8's own coverage of one program in this thread: which places of its code have been reached. */

import { type Profiler, Session } from 'node:inspector';
import { compileFunction } from 'node:vm';

/** A program under measurement. */
export interface Measured<Exports> {
  readonly exports: Exports;
  /** For each place in the code: 1 if it was reached since the last call, or since before the load, else 0. */
  readonly takeReached: () => Uint8Array;
  readonly stop: () => void;
}

/** Loads a program, a CommonJS module without imports, and measures it from its first statement on. */
export function measure<Exports>(code: string, name: string): Measured<Exports> {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  const module = { exports: {} as Exports };
  compileFunction(code, ['module', 'exports'], { filename: name })(module, module.exports);
  return {
    exports: module.exports,
    takeReached: () => reachedPlaces(code.length, rangesOf(session, name)),
    stop: () => session.disconnect(),
  };
}

/** Ranges of code with their counts. Each lies within another one or next to it. */
type Ranges = readonly Pick<Profiler.CoverageRange, 'startOffset' | 'endOffset' | 'count'>[];

function rangesOf(session: Session, name: string): Ranges {
  let ranges: Ranges = [];
  // A session of this thread answers before `post` returns.
  session.post('Profiler.takePreciseCoverage', (error, { result }) => {
    if (error !== null) throw error;
    ranges = result
      .filter(({ url }) => url === name)
      .flatMap(({ functions }) => functions.flatMap((called) => called.ranges));
  });
  return ranges;
}

/** The count of a place is that of the innermost range around it. V8 leaves out what was not reached at all. */
export function reachedPlaces(length: number, ranges: Ranges): Uint8Array {
  const reached = new Uint8Array(length);
  const outerFirst = [...ranges].sort(
    (one, other) => one.startOffset - other.startOffset || other.endOffset - one.endOffset,
  );
  for (const { startOffset, endOffset, count } of outerFirst) reached.fill(count > 0 ? 1 : 0, startOffset, endOffset);
  return reached;
}

/** What either of two takes has reached. */
export function union(one: Uint8Array, other: Uint8Array): Uint8Array {
  return one.map((reached, place) => reached | (other[place] as number));
}
