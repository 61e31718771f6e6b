/**
 * Fills the database of etcd up to just below its quota, and empties it again. The writes of others then cross the
 * quota: etcd answers "database space exceeded" to some that it has applied, and raises an alarm that refuses the
 * others. Room is made as etcd's manual says: delete, compact, defragment every member, disarm the alarm. A member that
 * is down meanwhile gets its turn when it is back.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { askEtcd, type EtcdStatus, readStatus } from './etcd-status.ts';
import type { KnownMembers } from './etcd-watch.ts';

const PREFIX = 'snowstorm-ballast/';
const PREFIX_END = 'snowstorm-ballast0';
const KIB = 1024;
const PIECES = [1024 * KIB, 256 * KIB, 64 * KIB, 16 * KIB];
/** What a piece takes beside its value: its key, and pages of the tree. */
const OVERHEAD_BYTES = 8 * KIB;
/** etcd tells the size of its last commit. It commits every 100 ms. */
const COMMIT_MS = 150;
const RETRY_MS = 200;
/** A member that is defragmented serves nothing meanwhile. */
const DEFRAGMENT_MS_MAX = 20_000;
const ALARM = 'NOSPACE';

export class EtcdBallast {
  readonly #members: KnownMembers;
  readonly #quotaBytes: number;
  /** How many want it full. */
  #wanted = 0;
  #isFull = false;
  #isEmpty = true;
  /** Whether there is no ballast left but in old history. */
  #isDeleted = true;
  #bytes = 0;
  #pieceCount = 0;
  /** Members whose database is still large. */
  readonly #large = new Set<string>();
  #isWorking = false;
  #isClosed = false;

  constructor(members: KnownMembers, quotaBytes: number) {
    this.#members = members;
    this.#quotaBytes = quotaBytes;
  }

  /** Whether there is as much room as before the first filling. */
  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  /** Whether only a few KiB are left. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** Begins to fill it. The returned function begins to empty it, once. */
  fill(): () => void {
    let isOver = false;
    this.#wanted++;
    this.#isEmpty = false;
    this.#isDeleted = false;
    this.#begin();
    return () => {
      if (isOver) return;
      isOver = true;
      this.#wanted--;
      this.#begin();
    };
  }

  close(): void {
    this.#isClosed = true;
  }

  #begin(): void {
    if (!this.#isWorking) void this.#work();
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    while (!this.#isClosed) {
      if (this.#wanted > 0 ? this.#isFull : this.#isEmpty) break;
      await (this.#wanted > 0 ? this.#fillSome() : this.#emptySome());
    }
    this.#isWorking = false;
  }

  async #fillSome(): Promise<void> {
    const statuses = await this.#readStatuses();
    if (statuses.length > 0) {
      const room = this.#quotaBytes - Math.max(...statuses.map(({ dbBytes }) => dbBytes));
      const piece = PIECES.find((bytes) => bytes + OVERHEAD_BYTES < room);
      this.#isFull = piece === undefined || statuses.some(hasAlarm);
      if (piece === undefined || this.#isFull) return;
      const count = Math.max(1, Math.floor((0.9 * room) / (piece + OVERHEAD_BYTES)));
      for (let index = 0; index < count && this.#wanted > 0 && !this.#isClosed; index++)
        if (!(await this.#put(piece))) break;
    }
    await sleep(COMMIT_MS, undefined, { ref: false });
  }

  /** False if it is not certain that it was done. */
  async #put(bytes: number): Promise<boolean> {
    const key = encode(`${PREFIX}${this.#pieceCount++}`);
    const value = Buffer.alloc(bytes, 'snow').toString('base64');
    this.#bytes += bytes;
    return (await this.#askAny('/v3/kv/put', { key, value })) !== undefined;
  }

  async #emptySome(): Promise<void> {
    this.#isFull = false;
    if (!this.#isDeleted) {
      for (const name of this.#members.urls.keys()) this.#large.add(name);
      this.#isDeleted = await this.#delete();
    }
    if (this.#isDeleted) {
      const names = [...this.#large].filter((name) => this.#members.isAwake(name));
      await Promise.all(names.map((name) => this.#defragment(name)));
    }
    const isDisarmed = await this.#disarm();
    if (this.#isDeleted && this.#large.size === 0 && isDisarmed && this.#wanted === 0) {
      this.#isEmpty = true;
      this.#bytes = 0;
    } else await sleep(RETRY_MS, undefined, { ref: false });
  }

  async #delete(): Promise<boolean> {
    const range = { key: encode(PREFIX), range_end: encode(PREFIX_END) };
    const deleted = await this.#askAny('/v3/kv/deleterange', range);
    const revision = (deleted?.header as { revision?: string } | undefined)?.revision;
    if (revision === undefined) return false;
    // An error may say that this was done before: whether there is room is seen by the size.
    await this.#askAny('/v3/kv/compaction', { revision, physical: true });
    return true;
  }

  async #defragment(name: string): Promise<void> {
    const url = this.#members.urls.get(name) as string;
    await askEtcd(url, '/v3/maintenance/defragment', {}, { timeoutMs: DEFRAGMENT_MS_MAX });
    const status = await readStatus(url);
    if (status === undefined) return;
    if (status.dbBytes + this.#bytes / 2 <= this.#quotaBytes) this.#large.delete(name);
    else this.#isDeleted = false;
  }

  /** False if there may be an alarm still. */
  async #disarm(): Promise<boolean> {
    const listed = await this.#askAny('/v3/maintenance/alarm', { action: 'GET' });
    if (listed === undefined) return false;
    const alarms = ((listed.alarms ?? []) as { memberID?: string; alarm?: string }[]).filter(
      ({ alarm }) => alarm === ALARM,
    );
    for (const { memberID } of alarms)
      await this.#askAny('/v3/maintenance/alarm', { action: 'DEACTIVATE', alarm: ALARM, memberID });
    return alarms.length === 0;
  }

  /** The answer of the first member that has one. */
  async #askAny(path: string, body: object): Promise<Record<string, unknown> | undefined> {
    for (const [name, url] of this.#members.urls) {
      if (!this.#members.isAwake(name) || this.#isClosed) continue;
      const answer = await askEtcd(url, path, body);
      if (answer !== undefined) return answer;
    }
    return undefined;
  }

  async #readStatuses(): Promise<readonly EtcdStatus[]> {
    const { urls, isAwake } = this.#members;
    const ask = async ([name, url]: readonly [string, string]) => (isAwake(name) ? readStatus(url) : undefined);
    return (await Promise.all([...urls].map(ask))).filter((status) => status !== undefined);
  }
}

function hasAlarm({ errors }: EtcdStatus): boolean {
  return errors.some((text) => text.includes(ALARM));
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}
