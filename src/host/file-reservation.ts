/**
 * A Reservation kept in files, safe against kill -9, power loss and other processes with the same folder and node id,
 * without locks. The state is one small file a version, `snowstorm-<node>.<version>.json`, and the newest version is
 * the truth. A raise writes the next version under a temporary name, syncs it and `link`s it to its name, which fails
 * if taken.
 *
 * Why it is linearizable: only versions below a higher one are removed, so the newest never disappears and only grows.
 * A name is free a second time only once a higher version exists; the late linker finds that one when it lists the
 * folder after its link, and has lost. So at most one raise wins a version, at the moment of its link, and it resolves
 * only after the folder is synced. All this needs a listing that does not miss the newest file, which Linux gives: a
 * folder of some hundred names is read by one system call, under the folder's lock.
 */

import { randomBytes } from 'node:crypto';
import * as nodeFiles from 'node:fs/promises';
import * as path from 'node:path';
import { type RaiseResult, type Reservation, requireUpwards } from '../ids/reservation.ts';
import { EPOCH_MS, TIMESTAMP_MS_MAX } from '../ids/snowflake.ts';

const FORMAT = 1;
const TEMPORARY_AGE_MS_MAX = 3_600_000;
/** How often a file may be removed between the listing and the reading of it, by others who raise meanwhile. */
const READ_ATTEMPTS_MAX = 64;

/** The state cannot be read or written; the text names the file and says what is wrong. */
export class StateFileError extends Error {
  override readonly name = 'StateFileError';
}

/** What this file needs of `node:fs/promises`; a test may put a full disk in its place. */
export type Files = Pick<typeof nodeFiles, 'link' | 'mkdir' | 'open' | 'readdir' | 'readFile' | 'stat' | 'unlink'>;

interface State {
  /** 0: there is no file yet. */
  readonly version: number;
  readonly reservedUntil: number | undefined;
}

export class FileReservation implements Reservation {
  readonly #folder: string;
  readonly #nodeId: string;
  readonly #files: Files;
  readonly #prefix: string;

  /**
   * Makes the folder if need be, proves by a file of its own that it can be written, and removes what dead processes
   * left. A StateFileError if it cannot be used.
   */
  static async open(folder: string, nodeId: string, files: Files = nodeFiles): Promise<FileReservation> {
    const reservation = new FileReservation(folder, nodeId, files);
    await reservation.#makeFolder();
    await reservation.#removeStrayTemporaries();
    const probe = await reservation.#writeTemporary('probe\n');
    await reservation.#attempt('remove', probe, () => files.unlink(probe));
    return reservation;
  }

  private constructor(folder: string, nodeId: string, files: Files) {
    this.#folder = path.resolve(folder);
    this.#nodeId = nodeId;
    this.#files = files;
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
        throw new StateFileError(
          `${this.#pathOf('*')}: the state file, which held ${from}, is gone; ids stay unique only if nobody removes it`,
        );
      }
      if (await this.#linkVersion(current.version + 1, to)) return { won: true, bound: to };
    }
    throw new StateFileError(`${this.#pathOf('*')}: it never stood still for long enough to be raised`);
  }

  /** Writes `version`; false if another process was first or has gone further. */
  async #linkVersion(version: number, reservedUntil: number): Promise<boolean> {
    const file = this.#pathOf(version);
    const text = `${JSON.stringify({ format: FORMAT, node: this.#nodeId, reservedUntil })}\n`;
    const temporary = await this.#writeTemporary(text);
    try {
      if (!(await this.#link(temporary, file))) return false;
      if ((await this.#versions()).some((other) => other > version)) {
        // Not the newest, so nobody misses it.
        await this.#removeQuietly(file);
        return false;
      }
      await this.#syncFolder(this.#folder);
    } finally {
      await this.#removeQuietly(temporary);
    }
    await this.#removeOlder(version);
    return true;
  }

  async #link(temporary: string, file: string): Promise<boolean> {
    try {
      await this.#files.link(temporary, file);
      return true;
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return false;
      throw stateFileError('link', file, error);
    }
  }

  async #readNewest(): Promise<State> {
    for (let attempt = 0; attempt < READ_ATTEMPTS_MAX; attempt++) {
      const version = Math.max(0, ...(await this.#versions()));
      if (version === 0) return { version, reservedUntil: undefined };
      const file = this.#pathOf(version);
      try {
        const text = await this.#files.readFile(file, 'utf8');
        return { version, reservedUntil: parseState(text, file, this.#nodeId) };
      } catch (error) {
        if (error instanceof StateFileError) throw error;
        // Removed since the listing, so there is a newer one.
        if (errorCode(error) !== 'ENOENT') throw stateFileError('read', file, error);
      }
    }
    throw new StateFileError(`${this.#pathOf('*')}: it never stood still for long enough to be read`);
  }

  async #versions(): Promise<number[]> {
    return (await this.#names('.json'))
      .map((name) => name.slice(this.#prefix.length, -'.json'.length))
      .filter((version) => /^[1-9][0-9]{0,14}$/.test(version))
      .map(Number);
  }

  async #removeOlder(version: number): Promise<void> {
    // The raise is won by now: a failure here must not make it look lost.
    for (const other of await this.#versions().catch(() => [])) {
      if (other < version) await this.#removeQuietly(this.#pathOf(other));
    }
  }

  /** A file under a name that no version has, on the disk when it resolves. */
  async #writeTemporary(text: string): Promise<string> {
    const file = path.join(this.#folder, `${this.#prefix}${process.pid}.${randomBytes(8).toString('hex')}.tmp`);
    const handle = await this.#attempt('create', file, () => this.#files.open(file, 'wx', 0o600));
    try {
      await this.#attempt('write', file, () => handle.writeFile(text));
      await this.#attempt('sync', file, () => handle.sync());
    } catch (error) {
      await this.#removeQuietly(file);
      throw error;
    } finally {
      await handle.close();
    }
    return file;
  }

  async #makeFolder(): Promise<void> {
    const folder = this.#folder;
    const first = await this.#attempt('make the folder', folder, () =>
      this.#files.mkdir(folder, { recursive: true, mode: 0o700 }),
    );
    if (first === undefined) return;
    // A new folder is itself only a name in another one, which a power loss could take back.
    for (let made = folder; made.length >= first.length; made = path.dirname(made)) {
      await this.#syncFolder(path.dirname(made));
    }
  }

  async #syncFolder(folder: string): Promise<void> {
    await this.#attempt('sync the folder', folder, async () => {
      const handle = await this.#files.open(folder, 'r');
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    });
  }

  /** Temporary files of this node id whose process is dead, or that nobody can still be writing. */
  async #removeStrayTemporaries(): Promise<void> {
    for (const name of await this.#names('.tmp')) {
      const match = /^([1-9][0-9]*)\.[0-9a-f]{16}\.tmp$/.exec(name.slice(this.#prefix.length));
      if (match === null) continue;
      const file = path.join(this.#folder, name);
      if (!isAlive(Number(match[1])) || (await this.#isOld(file))) await this.#removeQuietly(file);
    }
  }

  async #isOld(file: string): Promise<boolean> {
    try {
      return Date.now() - (await this.#files.stat(file)).mtimeMs > TEMPORARY_AGE_MS_MAX;
    } catch {
      return false;
    }
  }

  async #names(extension: string): Promise<string[]> {
    const names = await this.#attempt('list the folder', this.#folder, () => this.#files.readdir(this.#folder));
    return names.filter((name) => name.startsWith(this.#prefix) && name.endsWith(extension));
  }

  /**
   * For files that only take up room: what cannot be removed now is tried again by the next raise, or the next start.
   */
  async #removeQuietly(file: string): Promise<void> {
    await this.#files.unlink(file).catch(() => {});
  }

  #pathOf(version: number | '*'): string {
    return path.join(this.#folder, `${this.#prefix}${version}.json`);
  }

  async #attempt<T>(doing: string, file: string, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      throw stateFileError(doing, file, error);
    }
  }
}

/**
 * The bound in a state file. Whatever is wrong with the file is an error: no older version and no clock stands in for
 * it.
 */
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
    return fail('the state file is no JSON object');
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

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'no permission',
  EDQUOT: 'the disk quota is used up',
  EEXIST: 'it is there and is not a folder',
  EIO: 'the disk failed',
  EISDIR: 'it is a folder, where a file should be',
  ENAMETOOLONG: 'the name is too long',
  ENOENT: 'it is not there',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'it is not a folder, or lies below something that is not',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
};

/** What a file system without hard links answers to `link`. */
const NO_HARD_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'EXDEV']);

function stateFileError(doing: string, file: string, cause: unknown): StateFileError {
  const code = errorCode(cause) ?? '';
  const message = cause instanceof Error ? cause.message : String(cause);
  const noHardLinks = doing === 'link' && NO_HARD_LINKS.has(code);
  const reason = noHardLinks ? 'the file system has no hard links' : (REASONS[code] ?? message);
  return new StateFileError(`${file}: cannot ${doing}: ${reason}${code === '' ? '' : ` (${code})`}`, { cause });
}

function errorCode(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) !== 'ESRCH';
  }
}
