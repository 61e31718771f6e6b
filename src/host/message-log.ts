/**
 * Reads the part of a message log that lies around a moment. A log may have millions of lines, of which a few hundred are looked at, so only these are parsed.
 */

import { existsSync } from 'node:fs';
import { parseExact } from '../protocol/exact-json.ts';
import type { MessageEntry, MessageWindow } from '../report/run-record.ts';
import { readLines } from './file-lines.ts';

const TIME = /^\{"time":(-?\d+),/;
const LEFT_OUT = /^\{"truncated":true,"kept":\d+,"left_out":(\d+)\}$/;

/**
 * Where there are fewer events before the moment there are more after it. A file that is not there has no events.
 *
 * @param moment ns; undefined: the beginning
 */
export function readMessagesAround(
  path: string,
  moment: number | undefined,
  before: number,
  after: number,
): MessageWindow {
  const lines: string[] = [];
  let count = 0;
  let endTime = 0;
  let leftOut = 0;
  let later = 0;
  let spare = 0;
  for (const line of existsSync(path) ? readLines(path) : []) {
    const time = TIME.exec(line)?.[1];
    if (time === undefined) {
      leftOut = Number(LEFT_OUT.exec(line)?.[1] ?? leftOut);
      continue;
    }
    count++;
    endTime = Number(time);
    if (moment !== undefined && endTime <= moment) {
      lines.push(line);
      // Now and then, and not at every line: what is shifted out is moved.
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
  return { entries: lines.map((line) => parseExact(line) as MessageEntry), count, endTime, leftOut };
}
