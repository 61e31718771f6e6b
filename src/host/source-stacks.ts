/**
 * Stack traces that name files and lines of `src/`, although a bundle runs. The bundle's source map (`<bundle>.map`,
 * made by the build) is read when the first stack is needed, so the start costs nothing. Without a map stacks stay as
 * they are.
 */

import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { dirname, relative, resolve } from 'node:path';

/** Rewrites the stacks of errors from now on, in this thread. @param bundle the full path of the file that runs */
export function nameSourcesInStacks(bundle: string): void {
  const sources = new BundleSources(bundle);
  Error.prepareStackTrace = (error, frames) =>
    [describeError(error), ...frames.map((frame) => `    at ${sources.rewrite(String(frame))}`)].join('\n');
}

/** As V8 writes the first line of a stack. */
function describeError(error: Error): string {
  try {
    return Error.prototype.toString.call(error);
  } catch {
    return '<error>';
  }
}

class BundleSources {
  readonly #bundle: string;
  /** Undefined until it is read; null: there is none. */
  #map: SourceMap | null | undefined;

  constructor(bundle: string) {
    this.#bundle = bundle;
  }

  /**
   * A frame of the bundle, such as `Node.receive (/x/dist/snowstorm.cjs:3:14)`, with its place in the source. Other
   * frames stay as they are.
   */
  rewrite(frame: string): string {
    const at = frame.indexOf(this.#bundle);
    const place = at < 0 ? null : /^:(\d+):(\d+)/.exec(frame.slice(at + this.#bundle.length));
    if (place === null) return frame;
    const [text, line, column] = place;
    const source = this.#find(Number(line) - 1, Number(column) - 1);
    return source === undefined
      ? frame
      : frame.slice(0, at) + source + frame.slice(at + this.#bundle.length + text.length);
  }

  /** Both counted from 0. */
  #find(line: number, column: number): string | undefined {
    this.#map ??= readMap(`${this.#bundle}.map`);
    const entry = this.#map?.findEntry(line, column);
    if (entry === undefined || !('originalSource' in entry)) return undefined;
    const file = relative(resolve(dirname(this.#bundle), '..'), resolve(dirname(this.#bundle), entry.originalSource));
    return `${file}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
  }
}

function readMap(file: string): SourceMap | null {
  try {
    return new SourceMap(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return null;
  }
}
