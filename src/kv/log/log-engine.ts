/**
 * A store in one folder: an append-only log, with all values in memory. `README.md` says how it is laid out, what it
 * promises and what it costs.
 *
 * A write is judged when it is called, against the newest value, which may not be on the disk yet. All writes that wait
 * are appended and synced together (group commit: DeWitt et al., "Implementation Techniques for Main Memory Database
 * Systems", SIGMOD 1984); meanwhile the next gather. Only what is on the disk is shown or told. After a failed append
 * or sync it is unknown what is on the disk (Rebello et al., "Can Applications Recover from fsync Failures?", USENIX
 * ATC 2020), so the engine stops for good.
 */

import { writeNewFile } from '../../journal/new-file.ts';
import type { Clock } from '../../protocol/clock.ts';
import { detached } from '../../protocol/detached.ts';
import { RpcError } from '../../protocol/errors.ts';
import type { Folder, FolderLock } from '../../protocol/folder.ts';
import type { Scheduler } from '../../protocol/scheduler.ts';
import type {
  EngineFigures,
  StoreEngine,
  StoreList,
  StoreRead,
  StoreRemoval,
  StoreReplace,
  Token,
  WriteAhead,
} from '../store.ts';
import {
  fileName,
  headerLine,
  isTemporary,
  numberOf,
  recordLine,
  TEMPORARY_PREFIX,
  VALUE_LENGTH_MAX,
} from './format.ts';
import { type Recovered, recover } from './recovery.ts';
import { Renewals } from './renewals.ts';
import { snapshotPieces } from './snapshot.ts';
import type { Values } from './values.ts';

/** The most characters of keys and texts in one group, unless a single write is longer. */
const GROUP_LENGTH_MAX = 4 * 1024 * 1024;
const SNAPSHOT_BYTES_MIN = 64 * 1024 * 1024;
const SNAPSHOT_FACTOR = 4;
/** A disk that takes longer for one group is taken for failed, ms. */
const DISK_MS_MAX = 30_000;
/** Every start makes a segment. */
const SEGMENTS_MAX = 32;

export interface LogEngineOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Bounds how long the disk may take for a group ({@link DISK_MS_MAX}). Absent: nothing does. */
  readonly scheduler?: Pick<Scheduler, 'schedule'>;
  /** Called once when the engine has stopped for good. The host should end the process. */
  readonly onFailure: (error: Error) => void;
  /** See `StoreEngine`. */
  readonly patienceMs?: number;
  /** Called for what is not as it should be but does no harm: a torn tail, a snapshot that could not be written. */
  readonly warn?: (text: string) => void;
  /** A snapshot is written when the log has more bytes than this, and so many times the bytes of the live data. */
  readonly snapshotBytesMin?: number;
  readonly snapshotFactor?: number;
}

/** How a write ended. `unavailable`: it was not begun. `silent`: it may be on the disk. */
type Outcome = 'durable' | 'unavailable' | 'silent';

/** A write that is not on the disk yet. */
interface Pending {
  readonly sequence: number;
  readonly key: string;
  /** Undefined: the value is removed. */
  text: string | undefined;
  /** Of a write ahead: makes its text when it goes to the disk. */
  readonly makeText: (() => string) | undefined;
  readonly ended: Promise<Outcome>;
  readonly end: (outcome: Outcome) => void;
}

export class LogEngine implements StoreEngine {
  readonly name = 'folder';
  readonly patienceMs: number | undefined;
  readonly #folder: Folder;
  readonly #lock: FolderLock;
  readonly #options: LogEngineOptions;
  /** All values that are on the disk. */
  readonly #values: Values;
  /** The sequence number up to which all is on the disk. */
  #durable: number;
  /** The last sequence number given. */
  #last: number;
  /** The newest write of each key that is not on the disk yet. */
  readonly #newest = new Map<string, Pending>();
  #waiting: Pending[] = [];
  /** Whether one of those that wait is no write ahead. */
  #isUrgent = false;
  #committing: Promise<void> | undefined;
  #snapshotting: Promise<void> | undefined;
  readonly #renewals = new Renewals();
  /** Why calls are not served any more. */
  #end: string | undefined;
  #isFailed = false;
  #closing: Promise<void> | undefined;

  /** The number of the segment that is written to. */
  #segment: number;
  #firstSegment: number;
  /** The length of all segments that are needed. */
  #logBytes: number;
  /** No snapshot is begun before the log has this length. */
  #snapshotFromBytes = 0;
  readonly #counts = { groups: 0, writes: 0, removals: 0, reads: 0, lists: 0, refusals: 0, syncs: 0, snapshots: 0 };
  #failedSnapshots = 0;
  readonly #tornBytes: number;
  #recoveryMs = 0;

  /**
   * Recovers what the folder holds, and takes it for this process. Rejects with an error that names the file, and that
   * says what is wrong: the folder is locked, cannot be written or is damaged.
   */
  static async open(folder: Folder, options: LogEngineOptions): Promise<LogEngine> {
    const startMs = options.clock.monotonicMs();
    const lock = await folder.lock('lock');
    try {
      for (const name of await folder.names()) if (isTemporary(name)) await folder.remove(name);
      const recovered = await recover(folder);
      // The last life may have ended before its last records and names were on the disk.
      if (recovered.segment > 0) await folder.sync(fileName('log', recovered.segment));
      await folder.syncNames();
      const engine = new LogEngine(folder, lock, options, recovered);
      await engine.#beginSegment();
      if (recovered.tornBytes > 0) options.warn?.(describeTear(folder, recovered));
      engine.#recoveryMs = options.clock.monotonicMs() - startMs;
      if (engine.#isSnapshotDue()) engine.#beginSnapshot();
      else await engine.#removeObsolete();
      return engine;
    } catch (error) {
      await lock.release().catch(() => {});
      throw error;
    }
  }

  private constructor(folder: Folder, lock: FolderLock, options: LogEngineOptions, recovered: Recovered) {
    this.#folder = folder;
    this.#lock = lock;
    this.#options = options;
    this.patienceMs = options.patienceMs;
    this.#values = recovered.values;
    this.#durable = recovered.last;
    this.#last = recovered.last;
    this.#segment = recovered.segment;
    this.#firstSegment = recovered.firstSegment;
    this.#logBytes = recovered.logBytes;
    this.#tornBytes = recovered.tornBytes;
  }

  async read(key: string): Promise<StoreRead> {
    await this.#confirmLock();
    if (this.#end !== undefined) return { kind: 'failed', error: unavailable(this.#end) };
    this.#counts.reads++;
    const entry = this.#values.get(key);
    return entry === undefined
      ? { kind: 'absent' }
      : { kind: 'found', text: entry.text, token: tokenOf(entry.sequence) };
  }

  async list(prefix: string, after: string | undefined, limit: number): Promise<StoreList> {
    await this.#confirmLock();
    if (this.#end !== undefined) return { kind: 'failed', error: unavailable(this.#end) };
    this.#counts.lists++;
    const keys = this.#values.find(prefix, after, limit + 1);
    return { kind: 'ok', keys: keys.slice(0, limit), more: keys.length > limit };
  }

  async replace(key: string, from: Token | null, text: string): Promise<StoreReplace> {
    const problem = findTooLong(key, text);
    if (problem !== undefined) return { kind: 'unavailable', error: unavailable(problem) };
    const result = await this.#write(key, from, text);
    return typeof result === 'number' ? { kind: 'ok', token: tokenOf(result) } : result;
  }

  writeAhead(key: string, from: Token | null, makeText: () => string): WriteAhead | undefined {
    if (this.#end !== undefined || this.#findStale(key, this.#newest.get(key), from) !== undefined) return undefined;
    const write = this.#enqueue(key, '', makeText);
    const token = tokenOf(write.sequence);
    const ended = write.ended.then(
      (outcome): StoreReplace => (outcome === 'durable' ? { kind: 'ok', token } : this.#notDone(outcome)),
    );
    return { token, ended, flush: () => this.#beginCommit() };
  }

  async remove(key: string, from: Token): Promise<StoreRemoval> {
    const result = await this.#write(key, from, undefined);
    return typeof result === 'number' ? { kind: 'ok' } : result;
  }

  figures(): EngineFigures {
    return {
      ...this.#counts,
      'failed-snapshots': this.#failedSnapshots,
      keys: this.#values.entries.size,
      segments: this.#segment - this.#firstSegment + 1,
      'live-bytes': this.#values.bytes,
      'log-bytes': this.#logBytes,
      'torn-bytes': this.#tornBytes,
      'recovery-ms': this.#recoveryMs,
    };
  }

  /**
   * Writes everything into new files: a segment, and a snapshot that stands for all before it. Resolves when that is
   * done. Calls go on meanwhile. Rejects if it could not be done.
   */
  async renew(): Promise<void> {
    if (this.#end !== undefined) throw new Error(this.#end);
    const renewed = this.#renewals.ask();
    this.#committing ??= this.#commit();
    return renewed;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#end ??= 'the store is closed';
    if (this.#waiting.length > 0) this.#beginCommit();
    await this.#committing;
    await this.#snapshotting;
    this.#renewals.endAll(this.#end);
    // What failed before cannot be repaired here, and was told.
    await this.#folder.close(fileName('log', this.#segment)).catch(() => {});
    await this.#lock.release().catch(() => {});
  }

  /** Resolves to the sequence number of the write when it is on the disk, or to why it is not. */
  async #write(
    key: string,
    from: Token | null,
    text: string | undefined,
  ): Promise<number | Exclude<StoreRemoval, { readonly kind: 'ok' }>> {
    await this.#confirmLock();
    if (this.#end !== undefined) return { kind: 'unavailable', error: unavailable(this.#end) };
    const newest = this.#newest.get(key);
    const stale = this.#findStale(key, newest, from);
    if (stale !== undefined) {
      if (newest !== undefined) {
        // It was refused because of a value that no client may see before it is on the disk.
        this.#beginCommit();
        if ((await newest.ended) !== 'durable') return this.#notDone('unavailable');
      }
      this.#counts.refusals++;
      return { kind: 'refused', error: stale };
    }
    const write = this.#enqueue(key, text);
    this.#beginCommit();
    const outcome = await write.ended;
    return outcome === 'durable' ? write.sequence : this.#notDone(outcome);
  }

  #enqueue(key: string, text: string | undefined, makeText?: () => string): Pending {
    const write = newPending(++this.#last, key, text, makeText);
    this.#newest.set(key, write);
    this.#waiting.push(write);
    return write;
  }

  #beginCommit(): void {
    this.#isUrgent = true;
    this.#committing ??= this.#commit();
  }

  /** Stops the engine if another process has taken the folder. */
  async #confirmLock(): Promise<void> {
    if (this.#end !== undefined) return;
    try {
      await this.#lock.confirm();
    } catch (error) {
      // A close in the meantime has released it.
      if (this.#end === undefined) this.#fail(error, []);
    }
  }

  #findStale(key: string, newest: Pending | undefined, from: Token | null): RpcError | undefined {
    const current = newest === undefined ? this.#values.get(key) : newest.text === undefined ? undefined : newest;
    const token = current === undefined ? null : tokenOf(current.sequence);
    if (token === from) return undefined;
    const text = `${key} is at ${token ?? 'nothing'}, not at ${from ?? 'nothing'}`;
    return RpcError.of('precondition-failed', text);
  }

  #notDone(kind: 'unavailable' | 'silent'): Exclude<StoreRemoval, { readonly kind: 'ok' }> {
    const end = this.#end ?? 'it was not written';
    return kind === 'silent'
      ? { kind, error: RpcError.of('crash', `it may have been stored: ${end}`) }
      : { kind, error: unavailable(end) };
  }

  /** Writes group after group, until none waits, or only writes ahead. */
  async #commit(): Promise<void> {
    // The calls of this turn go together.
    await undefined;
    while ((this.#isUrgent || this.#isRenewalDue()) && !this.#isFailed) {
      const group = this.#takeGroup();
      try {
        await this.#inTime(this.#store(group));
      } catch (error) {
        this.#fail(error, group);
        break;
      }
      for (const write of group) this.#apply(write);
      for (const write of group) write.end('durable');
      await undefined;
    }
    this.#committing = undefined;
  }

  /** Rejects if the disk does not answer. What it does with the group later changes nothing any more. */
  async #inTime(work: Promise<void>): Promise<void> {
    const { scheduler } = this.#options;
    if (scheduler === undefined) return work;
    let cancel = () => {};
    const late = new Promise<never>((_, reject) => {
      const error = new Error(`the disk has not answered within ${DISK_MS_MAX / 1000} s`);
      cancel = scheduler.schedule(DISK_MS_MAX, () => reject(error));
    });
    try {
      await Promise.race([work, late]);
    } finally {
      cancel();
    }
  }

  /** Resolves when the group is on the disk, in a segment that is read. */
  async #store(group: readonly Pending[]): Promise<void> {
    if (this.#isSnapshotDue()) {
      this.#renewals.begin();
      await this.#beginSegment();
      this.#beginSnapshot();
    }
    if (group.length > 0) await this.#append(group);
    await this.#lock.confirm();
  }

  #takeGroup(): Pending[] {
    let [length, count] = [0, 0];
    for (const { key, text = '' } of this.#waiting) {
      length += key.length + text.length;
      if (count > 0 && length > GROUP_LENGTH_MAX) break;
      count++;
    }
    const group = this.#waiting.splice(0, count);
    this.#isUrgent = this.#waiting.length > 0;
    return group;
  }

  async #append(group: readonly Pending[]): Promise<void> {
    const base = this.#durable;
    for (const write of group) if (write.makeText !== undefined) write.text = requireShort(write.key, write.makeText());
    const lines = group.map(({ sequence, key, text }) => recordLine({ sequence, base, key, text })).join('');
    const segment = fileName('log', this.#segment);
    await this.#folder.append(segment, lines);
    await this.#folder.sync(segment);
    this.#logBytes += lines.length;
    this.#counts.groups++;
    this.#counts.syncs++;
  }

  /** Shows a write that is on the disk. */
  #apply(write: Pending): void {
    const { sequence, key, text } = write;
    if (text === undefined) {
      this.#values.delete(key);
      this.#counts.removals++;
    } else {
      // A key stays for long, and may be a part of a long text.
      const kept = this.#values.get(key) === undefined ? detached(key) : key;
      this.#values.set(kept, { sequence, text });
      this.#counts.writes++;
    }
    if (this.#newest.get(key) === write) this.#newest.delete(key);
    this.#durable = sequence;
  }

  /** @param group what was being written */
  #fail(cause: unknown, group: readonly Pending[]): void {
    if (!this.#isFailed) {
      this.#isFailed = true;
      const error = cause instanceof Error ? cause : new Error(String(cause));
      this.#end = `the store has stopped: ${error.message}`;
      this.#options.onFailure(error);
    }
    for (const write of group) write.end('silent');
    // These were never handed to the disk.
    for (const write of this.#waiting.splice(0)) write.end('unavailable');
    this.#renewals.endAll(this.#end as string);
  }

  /** From now on records go to a new segment. All earlier ones are on the disk. */
  async #beginSegment(): Promise<void> {
    const number = this.#segment + 1;
    const header = headerLine({ kind: 'log', number, from: this.#durable + 1 });
    this.#logBytes += await writeNewFile(this.#folder, fileName('log', number), [header], TEMPORARY_PREFIX);
    this.#counts.syncs++;
    await this.#folder.close(fileName('log', this.#segment));
    this.#segment = number;
  }

  #isSnapshotDue(): boolean {
    const { snapshotBytesMin = SNAPSHOT_BYTES_MIN, snapshotFactor = SNAPSHOT_FACTOR } = this.#options;
    if (this.#snapshotting !== undefined || this.#end !== undefined) return false;
    if (this.#renewals.isDue) return true;
    if (this.#logBytes < this.#snapshotFromBytes) return false;
    const isLong = this.#logBytes > Math.max(snapshotBytesMin, snapshotFactor * this.#values.bytes);
    return isLong || this.#segment - this.#firstSegment >= SEGMENTS_MAX;
  }

  #isRenewalDue(): boolean {
    return this.#renewals.isDue && this.#isSnapshotDue();
  }

  /** Begins a snapshot of what is before the present segment, which must be empty still. Calls go on meanwhile. */
  #beginSnapshot(): void {
    this.#snapshotting = this.#snapshot(this.#segment, this.#durable + 1).then((problem) => {
      this.#snapshotting = undefined;
      this.#renewals.end(problem);
      if (this.#isRenewalDue()) this.#committing ??= this.#commit();
    });
  }

  /** Resolves to what went wrong; undefined: the snapshot is on the disk. */
  async #snapshot(number: number, from: number): Promise<string | undefined> {
    const olderBytes = this.#logBytes;
    const { snapshotBytesMin = SNAPSHOT_BYTES_MIN } = this.#options;
    try {
      const pieces = snapshotPieces({ kind: 'snapshot', number, from }, this.#values.entries);
      await writeNewFile(this.#folder, fileName('snapshot', number), this.#whileServing(pieces), TEMPORARY_PREFIX);
      this.#counts.snapshots++;
      this.#firstSegment = number;
      this.#logBytes -= olderBytes;
      this.#snapshotFromBytes = 0;
      await this.#removeObsolete();
      return undefined;
    } catch (error) {
      // The log still has everything. It can be tried again when the log has grown.
      this.#snapshotFromBytes = this.#logBytes + snapshotBytesMin;
      if (this.#end !== undefined) return this.#end;
      this.#failedSnapshots++;
      const problem = `no snapshot was written: ${error instanceof Error ? error.message : error}`;
      this.#options.warn?.(problem);
      return problem;
    }
  }

  *#whileServing(pieces: Iterable<string>): Generator<string> {
    for (const piece of pieces) {
      if (this.#end !== undefined) throw new Error(this.#end);
      yield piece;
    }
  }

  /** Removes the files that a newer snapshot stands for. They only take up room; a later start removes what stays. */
  async #removeObsolete(): Promise<void> {
    for (const name of await this.#folder.names().catch(() => [])) {
      const number = numberOf('log', name) ?? numberOf('snapshot', name) ?? Number.POSITIVE_INFINITY;
      if (number < this.#firstSegment) await this.#folder.remove(name).catch(() => {});
    }
  }
}

function unavailable(text: string): RpcError {
  return RpcError.of('temporarily-unavailable', text);
}

function findTooLong(key: string, text: string): string | undefined {
  const length = key.length + text.length;
  if (length <= VALUE_LENGTH_MAX) return undefined;
  return `${length} characters of key and text, and at most ${VALUE_LENGTH_MAX} are stored`;
}

function requireShort(key: string, text: string): string {
  const problem = findTooLong(key, text);
  if (problem !== undefined) throw new Error(`${key}: ${problem}`);
  return text;
}

function newPending(
  sequence: number,
  key: string,
  text: string | undefined,
  makeText: (() => string) | undefined,
): Pending {
  let end: (outcome: Outcome) => void = () => {};
  const ended = new Promise<Outcome>((resolve) => {
    end = resolve;
  });
  return { sequence, key, text, makeText, ended, end };
}

function tokenOf(sequence: number): Token {
  return String(sequence) as Token;
}

function describeTear(folder: Folder, { segment, tornBytes, last }: Recovered): string {
  const file = folder.describe(fileName('log', segment));
  return `${file}: its last ${tornBytes} bytes are torn and left out, after record ${last}; nobody was told of them`;
}
