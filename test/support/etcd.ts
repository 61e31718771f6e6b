/**
 * Real etcd members for tests: one or three, on free ports of this machine, with their data in a temporary folder.
 * Nothing of them stays, also when the tests are killed: a reaper kills them then.
 */

import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createMembers, type EtcdMember, type MemberSettings } from '../../src/host/deployment/etcd-member.ts';
import { findLeader, readStatus } from '../../src/host/deployment/etcd-status.ts';
import { freePorts, withOtherPorts } from '../../src/host/deployment/ports.ts';
import { Reaper } from '../../src/host/processes/reaper.ts';
import { findProgram } from './programs.ts';

const START_MS_MAX = 50_000;
const POLL_MS = 20;

/** The etcd of this machine, or the one that `ETCD` names; says so loudly if there is none. */
export function findEtcd(what: string): string | undefined {
  return findProgram(what, { names: ['etcd'], debian: 'etcd-server', variable: 'ETCD' });
}

export interface EtcdSettings extends Pick<MemberSettings, 'heartbeatMs' | 'electionMs' | 'quotaBytes' | 'tls'> {
  /** 1 or 3. Default: 1. */
  readonly memberCount?: number;
}

/** Members without relays before them. */
export class EtcdCluster {
  readonly members: readonly EtcdMember[];
  readonly #folder: string;
  readonly #reaper: Reaper;

  private constructor(members: readonly EtcdMember[], folder: string, reaper: Reaper) {
    this.members = members;
    this.#folder = folder;
    this.#reaper = reaper;
  }

  /** Resolves when the cluster has a leader, or when the members listen if it speaks TLS only. */
  static start(program: string, settings: EtcdSettings = {}): Promise<EtcdCluster> {
    return withOtherPorts(async () => {
      const cluster = await EtcdCluster.#spawn(program, settings);
      try {
        await (settings.tls === undefined ? cluster.leader() : cluster.#listening());
        return cluster;
      } catch (error) {
        await cluster.end();
        throw error;
      }
    });
  }

  static async #spawn(program: string, { memberCount = 1, ...settings }: EtcdSettings): Promise<EtcdCluster> {
    const folder = mkdtempSync(join(tmpdir(), 'snowstorm-etcd-'));
    const mark = randomUUID();
    const reaper = new Reaper(mark, { folder });
    const ports = await freePorts(2 * memberCount);
    const places = Array.from({ length: memberCount }, (_, index) => ({
      name: `m${index}`,
      clientPort: ports[index] as number,
      peerPort: ports[memberCount + index] as number,
    }));
    const members = createMembers({ program, folder, reaper, mark, ...settings }, places);
    for (const member of members) member.start();
    return new EtcdCluster(members, folder, reaper);
  }

  get endpoints(): readonly string[] {
    return this.members.map(({ url }) => url);
  }

  /** The member that leads, as the members say that answer; waits until there is one. */
  async leader(): Promise<EtcdMember> {
    return waitFor('the cluster to have a leader', async () => {
      const statuses = await Promise.all(
        this.members.map(async ({ name, url }) => [name, await readStatus(url)] as const),
      );
      const answered = statuses.flatMap(([name, status]) => (status === undefined ? [] : [[name, status] as const]));
      const leader = findLeader(new Map(answered));
      return this.members.find(({ name }) => name === leader) ?? this.#complain();
    });
  }

  async #listening(): Promise<void> {
    for (const member of this.members)
      await waitFor(`${member.url} to listen`, async () => ((await member.listens()) ? true : this.#complain()));
  }

  /** Undefined, as long as all members run that should. */
  #complain(): undefined {
    const dead = this.members.find(({ endedHow }) => endedHow !== undefined);
    if (dead !== undefined) throw new Error(`etcd has ended by itself: ${dead.endedHow}`);
    return undefined;
  }

  /** Kills all members and removes their data. */
  async end(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
    rmSync(this.#folder, { recursive: true, force: true });
    this.#reaper.dismiss();
  }
}

/** Asks again and again until there is something. */
export async function waitFor<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const endMs = performance.now() + START_MS_MAX;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() >= endMs) throw new Error(`waited ${START_MS_MAX / 1000} s in vain for ${what}`);
    await sleep(POLL_MS);
  }
}
