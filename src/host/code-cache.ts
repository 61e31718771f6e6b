/**
 * Starts a bundle with code that V8 compiled when the bundle was built, so that a start need not compile it again. The
 * code stands beside the bundle, in `<bundle>.code`, before a copy of the bundle. It is used only where it fits
 * exactly: the same bundle, the same Node, whole. V8 itself refuses code for other flags. Wherever it does not fit the
 * bundle is compiled as usual, and nothing else differs.
 */

import { isAscii } from 'node:buffer';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire, Module } from 'node:module';
import { dirname } from 'node:path';
import { Script } from 'node:vm';

/** Columns that Node's wrapper of a CommonJS module puts before the first line. */
const WRAPPER_COLUMNS = Module.wrap('').indexOf('\n');

/** What the code was recorded for, at the beginning of its file. V8 copies code that is not aligned to 8 bytes. */
const HEAD_BYTES = 64;

export interface CompiledBundle {
  readonly script: Script;
  /** Whether the recorded code was used. */
  readonly isCached: boolean;
}

/** Runs a CommonJS bundle as `require(bundle)` does. @param bundle its full path */
export function runBundle(bundle: string, { script }: CompiledBundle = compileBundle(bundle)): void {
  const module = new Module(bundle);
  module.filename = bundle;
  const start = script.runInThisContext();
  start.call(module.exports, module.exports, createRequire(bundle), module, bundle, dirname(bundle));
}

export function compileBundle(bundle: string): CompiledBundle {
  const source = readFileSync(bundle);
  const cachedData = readCode(bundle, source);
  // The bundler escapes all other characters, and ASCII is decoded several times as fast.
  const text = source.toString(isAscii(source) ? 'latin1' : 'utf8');
  const script = new Script(Module.wrap(text), {
    filename: bundle,
    // So that places in stacks are those of the file.
    columnOffset: -WRAPPER_COLUMNS,
    ...(cachedData !== undefined && { cachedData }),
  });
  return { script, isCached: cachedData !== undefined && script.cachedDataRejected === false };
}

/** Records what V8 has compiled of the bundle so far: functions that were never called are not among it. */
export function recordCode(bundle: string, { script }: CompiledBundle): void {
  const code = script.createCachedData();
  const file = codeFile(bundle);
  // A program that starts meanwhile finds the old file or the new one, whole.
  const unfinished = `${file}.${process.pid}`;
  writeFileSync(unfinished, Buffer.concat([headOf(code), code, readFileSync(bundle)]));
  renameSync(unfinished, file);
}

/** Undefined if there is none that fits. */
function readCode(bundle: string, source: Buffer): Buffer | undefined {
  let recorded: Buffer;
  try {
    recorded = readFileSync(codeFile(bundle));
  } catch {
    return undefined;
  }
  const copyStart = Math.max(HEAD_BYTES, recorded.length - source.length);
  const code = recorded.subarray(HEAD_BYTES, copyStart);
  const fits =
    headOf(code).equals(recorded.subarray(0, HEAD_BYTES)) &&
    // Of the source V8 itself compares only the length. A digest takes longer than a copy.
    source.equals(recorded.subarray(copyStart));
  return fits ? code : undefined;
}

function codeFile(bundle: string): string {
  return `${bundle}.code`;
}

function headOf(code: Buffer): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.write(`${code.length} bytes for Node ${process.version} ${process.platform} ${process.arch}`);
  return head;
}
