/**
 * Recorded histories of ours and of Jepsen, from their text. A malformed one throws a {@link HistoryFlaw} with its line
 * and column. Nothing is guessed: a line that was cut short is a flaw, too.
 */

import { parseExact } from '../../protocol/exact-json.ts';
import { findJsonFlaw } from '../../protocol/json-flaw.ts';
import type { History } from '../history.ts';
import { readForm, readForms } from './edn-reader.ts';
import { HistoryFlaw } from './history-flaw.ts';
import { OperationReader } from './operation-reader.ts';

/**
 * `edn`: the history of Jepsen. `jsonl`: an operation a line, as Snowstorm writes it. `txt`: Jepsen's table for people,
 * which tells neither times nor which reads are final.
 */
export type HistoryFormat = 'edn' | 'jsonl' | 'txt';

/** An end of a line may be missing at the end of the file. */
export interface NumberedLine {
  readonly text: string;
  /** From 1. */
  readonly number: number;
}

/** The format of a text, by its first character that is not white space; undefined if it is none of them. */
export function guessFormat(beginning: string): HistoryFormat | undefined {
  const text = beginning.trimStart();
  if (/^\{\s*"/.test(text)) return 'jsonl';
  if (/^(?:\d+|:?nemesis)\t/.test(text)) return 'txt';
  return /^[{[(#;]/.test(text) ? 'edn' : undefined;
}

/** @param pieces the text, cut anywhere */
export function readEdnHistory(pieces: Iterable<string>): History {
  const operations = new OperationReader();
  for (const { value, line, column } of readForms(pieces)) add(operations, value, line, column);
  return operations.history;
}

export function readJsonHistory(lines: Iterable<NumberedLine>): History {
  const operations = new OperationReader();
  for (const { text, number } of lines) add(operations, parseLine(text, number), number, 1);
  return operations.history;
}

function parseLine(text: string, line: number): unknown {
  try {
    return parseExact(text);
  } catch {
    const at = findJsonFlaw(text) ?? 0;
    throw new HistoryFlaw(at === text.length ? 'the JSON ends too early' : 'this is not JSON', line, at + 1);
  }
}

/** Process, type, f, value and sometimes an error, separated by tabs. Source: `jepsen.util/op->str`. */
export function readTextHistory(lines: Iterable<NumberedLine>): History {
  const operations = new OperationReader();
  for (const { text, number } of lines) add(operations, parseColumns(text.replace(/\r$/, ''), number), number, 1);
  return operations.history;
}

const COLUMNS = /^(:?nemesis|\d+)\t:(invoke|ok|fail|info)\t:?(\S+)\t/;

function parseColumns(text: string, line: number): unknown {
  const columns = COLUMNS.exec(text);
  if (columns === null) throw new HistoryFlaw('expected PROCESS, :TYPE, :F and VALUE, separated by tabs', line, 1);
  const [head, process, type, f] = columns;
  const start = (head as string).length;
  const { value, end } = readValue(text.slice(start), line, start);
  const rest = text.slice(start + end);
  if (rest !== '' && !rest.startsWith('\t'))
    throw new HistoryFlaw('the value is ambiguous: it goes on after its end', line, start + end + 1);
  const error = rest === '' ? undefined : rest.slice(1);
  return { process: /^\d/.test(process as string) ? Number(process) : 'nemesis', type, f, value, error };
}

function readValue(text: string, line: number, offset: number): ReturnType<typeof readForm> {
  try {
    return readForm(text);
  } catch (error) {
    if (error instanceof HistoryFlaw) throw new HistoryFlaw(error.what, line, offset + error.column);
    throw error;
  }
}

function add(operations: OperationReader, recorded: unknown, line: number, column: number): void {
  const flaw = operations.add(recorded);
  if (flaw !== undefined) throw new HistoryFlaw(flaw, line, column);
}
