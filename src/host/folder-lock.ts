/**
 * An exclusive lock of a folder, without `flock`, which Node lacks. Its state is one small file for each version,
 * `<name>.<version>`; the newest is the truth. Who takes the lock, or releases it, links the next version, which only
 * one can do (why that is safe: `ids/folder-reservation.ts`, whose files are the same).
 *
 * - The file says which process holds the lock. If that is dead (`process-identity.ts`), the lock is free at once.
 * - Of a process in another container, or before another boot, this process cannot tell. So a holder touches its file
 *   every 2 s, and only a lock that was not touched for 10 s, by the clock of who wants it, is taken from such a
 *   process.
 * - A holder that has not touched its file for 5 s, because it was stopped, cannot know whether it still holds the
 *   lock. It links the next version itself before it says anything. Either that fails, and the lock is lost for good,
 *   or a taker that waits has to wait another 10 s. (Leases with a margin: Gray and Cheriton, SOSP 1989.)
 */

import type * as nodeFiles from 'node:fs/promises';
import { StateFileError } from '../ids/folder-reservation.ts';
import type { Folder, FolderLock } from '../protocol/folder.ts';
import { isRunning, ownIdentity, type ProcessIdentity } from './process-identity.ts';

/** Intervals of the lock, ms. A touch must fit well into the doubt, and the doubt well into the patience. */
export interface LockTimes {
  readonly touchMs: number;
  readonly doubtMs: number;
  readonly patienceMs: number;
  readonly lookMs: number;
}

export interface LockOptions {
  readonly times?: LockTimes;
  /** Who the holder says it is. Default: this process. */
  readonly identity?: ProcessIdentity;
}

type LockFiles = Pick<typeof nodeFiles, 'stat' | 'utimes'>;

/** What a version says: who holds the lock, that it is free, or nothing that can be read. */
type Content = ProcessIdentity | 'released' | 'unreadable';

const TIMES: LockTimes = { touchMs: 2000, doubtMs: 5000, patienceMs: 10_000, lookMs: 200 };
const ATTEMPTS_MAX = 64;

/** Takes the lock. Rejects with a StateFileError that says who holds it. */
export async function lockFolder(
  folder: Folder,
  files: LockFiles,
  name: string,
  { times = TIMES, identity = ownIdentity() }: LockOptions = {},
): Promise<FolderLock> {
  const versions = new LockVersions(folder, name, identity);
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const version = await versions.newest();
    const content = version === 0 ? 'released' : await versions.read(version);
    // It was removed since the listing, so there is a newer one.
    if (content === undefined) continue;
    if (content !== 'released') await requireDead(versions, files, version, content, times);
    const at = moment();
    if (await versions.claim(version + 1, identity)) {
      await versions.removeAbandoned();
      return new HeldLock(versions, files, times, version + 1, at);
    }
  }
  throw new StateFileError(`${folder.describe(name)}: the lock never stood still for long enough to be taken`);
}

/** Resolves if the holder is dead, or has not touched the lock for long enough. */
async function requireDead(
  versions: LockVersions,
  files: LockFiles,
  version: number,
  content: ProcessIdentity | 'unreadable',
  times: LockTimes,
): Promise<void> {
  const file = versions.describe(version);
  const running = content === 'unreadable' ? undefined : isRunning(content, versions.identity);
  if (running === false) return;
  if (running === undefined) {
    const firstMs = performance.now();
    const first = await lastTouch(files, file);
    for (;;) {
      // Before the look: who stands still after it has not seen what was touched meanwhile.
      const lookedMs = performance.now();
      if ((await versions.newest()) !== version || (await lastTouch(files, file)) !== first) break;
      if (lookedMs - firstMs >= times.patienceMs) return;
      await new Promise((resolve) => setTimeout(resolve, times.lookMs));
    }
  }
  throw new StateFileError(`${file}: the folder is in use, by ${describeHolder(content, versions.identity)}`);
}

function describeHolder(content: ProcessIdentity | 'unreadable', own: ProcessIdentity): string {
  if (content === 'unreadable') return 'another process';
  const { boot, namespace, pid } = content;
  if (boot !== own.boot) return `process ${pid} of another machine`;
  if (namespace !== own.namespace) return `process ${pid} of another container`;
  return pid === own.pid ? `this process (${pid}) itself` : `process ${pid}`;
}

async function lastTouch(files: LockFiles, file: string): Promise<number | undefined> {
  try {
    return (await files.stat(file)).mtimeMs;
  } catch {
    return undefined;
  }
}

/** Now, by both clocks. */
interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

function moment(): Moment {
  return { monotonicMs: performance.now(), wallMs: Date.now() };
}

class HeldLock implements FolderLock {
  readonly #versions: LockVersions;
  readonly #files: LockFiles;
  readonly #times: LockTimes;
  readonly #timer: NodeJS.Timeout;
  #version: number;
  /** When the last touch began that succeeded. No process takes the lock within `patienceMs` of it. */
  #touched: Moment;
  #claiming: Promise<void> | undefined;
  /** Why it is not held any more. */
  #end: string | undefined;

  constructor(versions: LockVersions, files: LockFiles, times: LockTimes, version: number, touched: Moment) {
    this.#versions = versions;
    this.#files = files;
    this.#times = times;
    this.#version = version;
    this.#touched = touched;
    this.#timer = setInterval(() => void this.#touch().catch(() => {}), times.touchMs);
    this.#timer.unref();
  }

  async confirm(): Promise<void> {
    if (this.#end === undefined && this.#isInDoubt()) await this.#claimAgain();
    if (this.#end !== undefined) throw new StateFileError(`${this.#versions.describe(this.#version)}: ${this.#end}`);
  }

  async release(): Promise<void> {
    clearInterval(this.#timer);
    await this.#claiming?.catch(() => {});
    if (this.#end !== undefined) return;
    this.#end = 'the lock was released';
    await this.#versions.claim(this.#version + 1, 'released');
  }

  #isInDoubt(): boolean {
    const { monotonicMs, wallMs } = moment();
    // A machine that was asleep may not have counted that time on its monotonic clock.
    const passedMs = Math.max(monotonicMs - this.#touched.monotonicMs, wallMs - this.#touched.wallMs);
    return passedMs > this.#times.doubtMs;
  }

  async #touch(): Promise<void> {
    if (this.#end !== undefined) return;
    if (this.#isInDoubt()) return this.#claimAgain();
    const at = moment();
    const now = new Date(at.wallMs);
    await this.#files.utimes(this.#versions.describe(this.#version), now, now);
    if (at.monotonicMs > this.#touched.monotonicMs) this.#touched = at;
  }

  #claimAgain(): Promise<void> {
    this.#claiming ??= this.#claim().finally(() => {
      this.#claiming = undefined;
    });
    return this.#claiming;
  }

  async #claim(): Promise<void> {
    const at = moment();
    const next = this.#version + 1;
    if (await this.#versions.claim(next, this.#versions.identity)) {
      this.#version = next;
      this.#touched = at;
    } else {
      this.#end = 'the lock was taken by another process while this one stood still';
      clearInterval(this.#timer);
    }
  }
}

/** The files of one lock. */
class LockVersions {
  readonly identity: ProcessIdentity;
  readonly #folder: Folder;
  readonly #name: string;

  constructor(folder: Folder, name: string, identity: ProcessIdentity) {
    this.#folder = folder;
    this.#name = name;
    this.identity = identity;
  }

  describe(version: number): string {
    return this.#folder.describe(this.#nameOf(version));
  }

  /** 0: the lock was never taken. */
  async newest(): Promise<number> {
    return Math.max(0, ...(await this.#all()));
  }

  /** Undefined: it is not there. */
  async read(version: number): Promise<Content | undefined> {
    const text = await this.#folder.read(this.#nameOf(version));
    if (text === undefined) return undefined;
    try {
      const content = JSON.parse(text) as Partial<ProcessIdentity> & { readonly released?: boolean };
      if (content.released === true) return 'released';
      return Number.isSafeInteger(content.pid) ? (content as ProcessIdentity) : 'unreadable';
    } catch {
      return 'unreadable';
    }
  }

  /** Links a version and removes older ones. False: another process was first. */
  async claim(version: number, content: ProcessIdentity | 'released'): Promise<boolean> {
    const temporary = this.#folder.temporaryName(`${this.#name}.`);
    const name = this.#nameOf(version);
    try {
      await this.#folder.write(temporary, `${JSON.stringify(content === 'released' ? { released: true } : content)}\n`);
      if (!(await this.#folder.link(temporary, name))) return false;
    } finally {
      await this.#folder.remove(temporary).catch(() => {});
    }
    const others = await this.#all();
    if (others.some((other) => other > version)) {
      await this.remove(version);
      return false;
    }
    for (const other of others) if (other < version) await this.remove(other);
    return true;
  }

  async remove(version: number): Promise<void> {
    await this.#folder.remove(this.#nameOf(version)).catch(() => {});
  }

  async removeAbandoned(): Promise<void> {
    for (const name of await this.#folder.abandonedTemporaries(`${this.#name}.`))
      await this.#folder.remove(name).catch(() => {});
  }

  #nameOf(version: number): string {
    return `${this.#name}.${version}`;
  }

  async #all(): Promise<number[]> {
    const prefix = `${this.#name}.`;
    return (await this.#folder.names())
      .filter((name) => name.startsWith(prefix))
      .map((name) => name.slice(prefix.length))
      .filter((version) => /^[1-9][0-9]{0,14}$/.test(version))
      .map(Number);
  }
}
