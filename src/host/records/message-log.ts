/**
 * Reads the part of a message log around a moment. A log may have millions of lines. Only the few hundred lines of that
 * part are parsed.
 */

import { existsSync } from 'node:fs';
import { isRecord } from '../../protocol/message.ts';
import type { MessageEntry, MessageWindow } from '../../report/run-record.ts';
import { isCutShort, type Line, readLines } from './file-lines.ts';
import { parseRecorded, RecordError } from './record-error.ts';

const TIME = /^\{"time":(-?\d+),/;
const LEFT_OUT = /^\{"truncated":true,"kept":\d+,"left_out":(\d+)\}$/;

/**
 * If there are fewer events before the moment, there are more after it. A missing file has no events. A last line that
 * was cut short is left out.
 *
 * Throws a {@link RecordError} for a wrong line. Lines outside of the part are not checked.
 *
 * @param moment ns; undefined: the beginning
 * @param onCutShort called with the path if the last line was cut short
 */
export function readMessagesAround(
  path: string,
  moment: number | undefined,
  before: number,
  after: number,
  onCutShort: (path: string) => void = () => {},
): MessageWindow {
  const lines: Line[] = [];
  let count = 0;
  let endTime = 0;
  let leftOut = 0;
  let later = 0;
  let spare = 0;
  for (const line of existsSync(path) ? readLines(path) : []) {
    if (isCutShort(line)) {
      onCutShort(path);
      break;
    }
    const time = TIME.exec(line.text)?.[1];
    if (time === undefined) {
      const [, events] = LEFT_OUT.exec(line.text) ?? [];
      if (events === undefined) throw wrong(path, line);
      leftOut = Number(events);
      continue;
    }
    count++;
    endTime = Number(time);
    if (moment !== undefined && endTime <= moment) {
      lines.push(line);
      // Not at every line: each splice moves all lines that stay.
      if (lines.length >= 2 * before + 2) lines.splice(0, lines.length - before);
    } else if (later < after + spare) {
      if (later++ === 0) {
        if (lines.length > before) lines.splice(0, lines.length - before);
        spare = before - lines.length;
      }
      lines.push(line);
    }
  }
  if (later === 0 && lines.length > before) lines.splice(0, lines.length - before);
  return { entries: lines.map((line) => parseEntry(path, line)), count, endTime, leftOut };
}

function parseEntry(path: string, line: Line): MessageEntry {
  const entry = parseRecorded(line.text, placeOf(path, line));
  if (!isRecord(entry) || !isRecord(entry.body)) throw wrong(path, line);
  const { event, id, src, dest } = entry;
  const isEvent = typeof event === 'string' && typeof id === 'number';
  if (!isEvent || typeof src !== 'string' || typeof dest !== 'string') throw wrong(path, line);
  return entry as unknown as MessageEntry;
}

function wrong(path: string, line: Line): RecordError {
  return new RecordError(`${placeOf(path, line)}: expected an event of a message`);
}

function placeOf(path: string, { number }: Line): string {
  return `${path}: line ${number}`;
}
