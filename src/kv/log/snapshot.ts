/** A snapshot: all values, so that older segments of the log are not needed any more. */

import { endLine, type Header, headerLine, recordLine } from './format.ts';
import type { Entry } from './values.ts';

const PIECE_LENGTH = 128 * 1024;

/**
 * The text of a snapshot in pieces, each made when it is asked for. Entries may change meanwhile. A changed one is
 * written as it is by then, whose record in the log is on the disk too. One that was removed is left out or not, which
 * its record in the log decides. Those that are added stand after all others in a Map, and are in the log as well, so
 * the snapshot ends without them.
 */
export function* snapshotPieces(header: Header, entries: ReadonlyMap<string, Entry>): Generator<string> {
  const countMax = entries.size;
  let count = 0;
  let piece = headerLine(header);
  for (const [key, { sequence, text }] of entries) {
    if (count === countMax) break;
    count++;
    piece += recordLine({ sequence, base: sequence, key, text });
    if (piece.length < PIECE_LENGTH) continue;
    yield piece;
    piece = '';
  }
  yield piece + endLine(count);
}
