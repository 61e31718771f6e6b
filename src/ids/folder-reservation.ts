/**
 * A Reservation kept in a folder. It is safe against kill -9, power loss and other processes with the same folder and
 * node id, and uses no locks. The state is one small file for each version, `snowstorm-<node>.<version>.json`. The
 * newest version is the truth. A raise writes the next version under a temporary name, syncs it and `link`s it to its
 * name, which fails if the name is taken.
 *
 * Why it is linearizable. Only versions below a higher one are removed, so the newest never disappears and only grows.
 * A name becomes free again only when a higher version exists. A late linker finds that version when it lists the
 * folder after its link, and has lost. So at most one raise wins a version, at the moment of its link. It resolves only
 * after the folder is synced. All this needs a listing that does not miss the newest file.
 */

import type { Folder } from '../protocol/folder.ts';
import { type RaiseResult, type Reservation, requireUpwards } from './reservation.ts';
import { EPOCH_MS, TIMESTAMP_MS_MAX } from './snowflake.ts';

const FORMAT = 1;
/** How often other raises may remove a file between listing and reading it. */
const READ_ATTEMPTS_MAX = 64;

/** The state cannot be read or written. The text names the file and says what is wrong. */
export class StateFileError extends Error {
  override readonly name = 'StateFileError';
}

interface State {
  /** 0: there is no file yet. */
  readonly version: number;
  readonly reservedUntil: number | undefined;
}

export class FolderReservation implements Reservation {
  readonly #folder: Folder;
  readonly #nodeId: string;
  readonly #prefix: string;

  /** Removes leftovers of dead holders. Proves with a file of its own that the folder is writable; rejects if not. */
  static async open(folder: Folder, nodeId: string): Promise<FolderReservation> {
    const reservation = new FolderReservation(folder, nodeId);
    for (const name of await folder.abandonedTemporaries(reservation.#prefix)) await reservation.#removeQuietly(name);
    await folder.remove(await reservation.#writeTemporary('probe\n'));
    return reservation;
  }

  private constructor(folder: Folder, nodeId: string) {
    this.#folder = folder;
    this.#nodeId = nodeId;
    this.#prefix = `snowstorm-${encodeNodeId(nodeId)}.`;
  }

  async read(): Promise<number | undefined> {
    return (await this.#readNewest()).reservedUntil;
  }

  async raise(from: number | undefined, to: number): Promise<RaiseResult> {
    requireUpwards(from, to);
    for (let attempt = 0; attempt < READ_ATTEMPTS_MAX; attempt++) {
      const current = await this.#readNewest();
      if (current.reservedUntil !== from) {
        if (current.reservedUntil !== undefined) return { won: false, bound: current.reservedUntil };
        throw this.#error(`the state file, which held ${from}, is gone; ids stay unique only if it is not removed`);
      }
      if (await this.#linkVersion(current.version + 1, to)) return { won: true, bound: to };
    }
    throw this.#error('it never stood still for long enough to be raised');
  }

  /** Writes `version`; false if another process was first or is further ahead. */
  async #linkVersion(version: number, reservedUntil: number): Promise<boolean> {
    const name = this.#nameOf(version);
    const text = `${JSON.stringify({ format: FORMAT, node: this.#nodeId, reservedUntil })}\n`;
    const temporary = await this.#writeTemporary(text);
    try {
      if (!(await this.#folder.link(temporary, name))) return false;
      if ((await this.#versions()).some((other) => other > version)) {
        // It is not the newest, so removing it is safe.
        await this.#removeQuietly(name);
        return false;
      }
      await this.#folder.syncNames();
    } finally {
      await this.#removeQuietly(temporary);
    }
    await this.#removeOlder(version);
    return true;
  }

  async #readNewest(): Promise<State> {
    for (let attempt = 0; attempt < READ_ATTEMPTS_MAX; attempt++) {
      const version = Math.max(0, ...(await this.#versions()));
      if (version === 0) return { version, reservedUntil: undefined };
      const name = this.#nameOf(version);
      const text = await this.#folder.read(name);
      // If it was removed since the listing, there is a newer one.
      if (text === undefined) continue;
      return { version, reservedUntil: parseState(text, this.#folder.describe(name), this.#nodeId) };
    }
    throw this.#error('it never stood still for long enough to be read');
  }

  async #versions(): Promise<number[]> {
    return (await this.#folder.names())
      .filter((name) => name.startsWith(this.#prefix) && name.endsWith('.json'))
      .map((name) => name.slice(this.#prefix.length, -'.json'.length))
      .filter((version) => /^[1-9][0-9]{0,14}$/.test(version))
      .map(Number);
  }

  async #removeOlder(version: number): Promise<void> {
    // The raise has succeeded by now. A failure here must not make it look lost.
    for (const other of await this.#versions().catch(() => [])) {
      if (other < version) await this.#removeQuietly(this.#nameOf(other));
    }
  }

  /** A file under a name that no version has. It is on the disk when this resolves. */
  async #writeTemporary(text: string): Promise<string> {
    const name = this.#folder.temporaryName(this.#prefix);
    try {
      await this.#folder.write(name, text);
      await this.#folder.sync(name);
    } catch (error) {
      await this.#removeQuietly(name);
      throw error;
    }
    return name;
  }

  /** For files that only take up room. The next raise or the next start tries again to remove what stays. */
  async #removeQuietly(name: string): Promise<void> {
    await this.#folder.remove(name).catch(() => {});
  }

  #nameOf(version: number | '*'): string {
    return `${this.#prefix}${version}.json`;
  }

  /** An error of the state as a whole, not of one file. */
  #error(problem: string): StateFileError {
    return new StateFileError(`${this.#folder.describe(this.#nameOf('*'))}: ${problem}`);
  }
}

/** The bound in a state file. Any flaw in the file is an error. No older version and no clock can replace it. */
function parseState(text: string, file: string, nodeId: string): number {
  const fail = (problem: string): never => {
    throw new StateFileError(`${file}: ${problem}`);
  };
  if (text === '') fail('the state file is empty');
  let state: unknown;
  try {
    state = JSON.parse(text);
  } catch {
    fail(text.endsWith('\n') ? 'the state file is not JSON' : 'the state file is cut short, or not JSON');
  }
  if (typeof state !== 'object' || state === null || Array.isArray(state))
    return fail('the state file is not a JSON object');
  const { format, node, reservedUntil } = state as Record<string, unknown>;
  if (!Number.isSafeInteger(format) || (format as number) < 1) return fail('the state file has no format number');
  if (format !== FORMAT) {
    return fail(`the state file has format ${format}, and this version of Snowstorm knows only format ${FORMAT}`);
  }
  if (node !== nodeId)
    return fail(`the state file is that of node ${JSON.stringify(node)}, not of ${JSON.stringify(nodeId)}`);
  if (!isBound(reservedUntil)) {
    return fail(`the state file's reservedUntil is ${JSON.stringify(reservedUntil)}, which is no timestamp of an id`);
  }
  if (!text.endsWith('\n')) return fail('the state file is cut short: its last line has no end');
  return reservedUntil;
}

function isBound(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= EPOCH_MS && (value as number) <= TIMESTAMP_MS_MAX + 1;
}

function encodeNodeId(nodeId: string): string {
  try {
    return encodeURIComponent(nodeId);
  } catch {
    throw new StateFileError(
      `the node id ${JSON.stringify(nodeId)} is not well-formed text, so no file can be named after it`,
    );
  }
}
