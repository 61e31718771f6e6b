/**
 * The folder port over real files. An error names the operation, the file and the reason.
 *
 * - A temporary name contains the id of the process that writes it. So a later process can find abandoned files.
 * - A file stays open between write and sync. The system reports a disk error in between only to a process that has the
 *   file open.
 * - A file that is appended to stays open from the first append until it is closed or removed, for the same reason.
 * - A listing must not miss a file that exists all the time. Linux guarantees that: it lists some hundred names in one
 *   system call, under the folder's lock.
 */

import { randomBytes } from 'node:crypto';
import * as nodeFiles from 'node:fs/promises';
import * as path from 'node:path';
import { StateFileError } from '../ids/folder-reservation.ts';
import type { Folder, FolderLock } from '../protocol/folder.ts';
import { lockFolder } from './folder-lock.ts';
import { isAlive } from './process-identity.ts';

const TEMPORARY_AGE_MS_MAX = 3_600_000;

/** The functions of `node:fs/promises` that are needed here. A test may replace them by a full disk. */
export type Files = Pick<
  typeof nodeFiles,
  'link' | 'mkdir' | 'open' | 'readdir' | 'readFile' | 'stat' | 'unlink' | 'utimes'
>;

export class NodeFolder implements Folder {
  readonly #folder: string;
  readonly #files: Files;
  /** Files that are written but not synced yet. */
  readonly #unsynced = new Map<string, nodeFiles.FileHandle>();
  /** Files that are appended to. */
  readonly #appended = new Map<string, nodeFiles.FileHandle>();
  /** Of the whole folder. */
  #lock: FolderLock | undefined;

  /** Makes the folder if it is missing, for its owner only. Rejects with a StateFileError if it cannot be made. */
  static async open(folder: string, files: Files = nodeFiles): Promise<NodeFolder> {
    const opened = new NodeFolder(folder, files);
    await opened.#make();
    return opened;
  }

  /** A folder that must be there. Nothing is made: it may be another process's. */
  static async find(folder: string): Promise<NodeFolder> {
    const found = new NodeFolder(folder, nodeFiles);
    await found.names();
    return found;
  }

  private constructor(folder: string, files: Files) {
    this.#folder = path.resolve(folder);
    this.#files = files;
  }

  names(): Promise<string[]> {
    return attempt('list the folder', this.#folder, () => this.#files.readdir(this.#folder));
  }

  async read(name: string): Promise<string | undefined> {
    const file = this.describe(name);
    try {
      return await this.#files.readFile(file, 'utf8');
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw stateFileError('read', file, error);
    }
  }

  async readPart(name: string, offset: number, length: number): Promise<string> {
    const file = this.describe(name);
    return attempt('read', file, async () => {
      const handle = await this.#files.open(file, 'r');
      try {
        const bytes = Buffer.allocUnsafe(length);
        let filled = 0;
        for (let bytesRead = -1; filled < length && bytesRead !== 0; filled += bytesRead)
          ({ bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled));
        return bytes.toString('latin1', 0, filled);
      } finally {
        await handle.close();
      }
    });
  }

  async append(name: string, text: string): Promise<void> {
    const file = this.describe(name);
    let handle = this.#appended.get(name);
    if (handle === undefined) {
      handle = await attempt('open', file, () => this.#files.open(file, 'a', 0o600));
      this.#appended.set(name, handle);
    }
    const bytes = Buffer.from(text, 'latin1');
    const to = handle;
    await attempt('write', file, async () => {
      for (let written = 0; written < bytes.length; )
        written += (await to.write(bytes, written, bytes.length - written)).bytesWritten;
    });
  }

  async close(name: string): Promise<void> {
    const handle = this.#appended.get(name);
    this.#appended.delete(name);
    await handle?.close();
  }

  async write(name: string, text: string): Promise<void> {
    const file = this.describe(name);
    const handle = await attempt('create', file, () => this.#files.open(file, 'wx', 0o600));
    try {
      await attempt('write', file, () => handle.writeFile(text));
    } catch (error) {
      await handle.close();
      throw error;
    }
    this.#unsynced.set(name, handle);
  }

  async sync(name: string): Promise<void> {
    await this.#sync(name);
    await this.#lock?.confirm();
  }

  async #sync(name: string): Promise<void> {
    const file = this.describe(name);
    const appended = this.#appended.get(name);
    // That the file is longer is synced too; only its times are not.
    if (appended !== undefined) return attempt('sync', file, () => appended.datasync());
    const handle = this.#unsynced.get(name) ?? (await attempt('open', file, () => this.#files.open(file, 'r+')));
    this.#unsynced.delete(name);
    try {
      await attempt('sync', file, () => handle.sync());
    } finally {
      await handle.close();
    }
  }

  async link(name: string, newName: string): Promise<boolean> {
    const newFile = this.describe(newName);
    try {
      await this.#files.link(this.describe(name), newFile);
      return true;
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return false;
      throw stateFileError('link', newFile, error);
    }
  }

  async remove(name: string): Promise<void> {
    const file = this.describe(name);
    const handle = this.#unsynced.get(name);
    this.#unsynced.delete(name);
    await handle?.close();
    await this.close(name);
    await attempt('remove', file, () => this.#files.unlink(file));
  }

  syncNames(): Promise<void> {
    return this.#syncFolder(this.#folder);
  }

  temporaryName(prefix: string): string {
    return `${prefix}${process.pid}.${randomBytes(8).toString('hex')}.tmp`;
  }

  /** Names whose process is dead, and names so old that no process can still be writing them. */
  async abandonedTemporaries(prefix: string): Promise<string[]> {
    const abandoned: string[] = [];
    for (const name of await this.names()) {
      const match = name.startsWith(prefix) && /^([1-9][0-9]*)\.[0-9a-f]{16}\.tmp$/.exec(name.slice(prefix.length));
      if (match && (!isAlive(Number(match[1])) || (await this.#isOld(name)))) abandoned.push(name);
    }
    return abandoned;
  }

  /**
   * Takes the folder for this process, until it ends. From then on a `sync` rejects if another process may have taken
   * the folder. Rejects if another process has it, with a text that says which.
   */
  async own(): Promise<void> {
    this.#lock = await this.lock('lock');
  }

  lock(name: string): Promise<FolderLock> {
    return lockFolder(this, this.#files, name);
  }

  describe(name: string): string {
    return path.join(this.#folder, name);
  }

  async #make(): Promise<void> {
    const folder = this.#folder;
    const first = await attempt('make the folder', folder, () => this.#makeWithParents(folder));
    // An earlier process may have made it, and have ended before the sync below. If the parent cannot be synced, it was
    // probably made by others, who can.
    if (first === undefined) return this.#syncFolder(path.dirname(folder)).catch(() => {});
    // A new folder is a name in its parent. Without a sync of the parent, a power failure could undo it.
    for (let made = folder; made.length >= first.length; made = path.dirname(made)) {
      await this.#syncFolder(path.dirname(made));
    }
  }

  /**
   * The first folder that was made; undefined if it was there. Node's own recursive `mkdir` never ends in /proc, where
   * a folder cannot be made though its parent is there.
   */
  async #makeWithParents(folder: string): Promise<string | undefined> {
    try {
      await this.#files.mkdir(folder, { mode: 0o700 });
      return folder;
    } catch (error) {
      if (errorCode(error) === 'EEXIST') {
        if ((await this.#files.stat(folder)).isDirectory()) return undefined;
        throw error;
      }
      const parent = path.dirname(folder);
      if (errorCode(error) !== 'ENOENT' || parent === folder) throw error;
      const first = await this.#makeWithParents(parent);
      // The parent was there, so the folder cannot be made; or another process made it meanwhile.
      await this.#files.mkdir(folder, { mode: 0o700 }).catch((again) => {
        if (errorCode(again) !== 'EEXIST') throw again;
      });
      return first ?? folder;
    }
  }

  async #syncFolder(folder: string): Promise<void> {
    await attempt('sync the folder', folder, async () => {
      const handle = await this.#files.open(folder, 'r');
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    });
  }

  async #isOld(name: string): Promise<boolean> {
    try {
      return Date.now() - (await this.#files.stat(this.describe(name))).mtimeMs > TEMPORARY_AGE_MS_MAX;
    } catch {
      return false;
    }
  }
}

async function attempt<T>(doing: string, file: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw stateFileError(doing, file, error);
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

/** The errors of `link` on file systems without hard links. */
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
