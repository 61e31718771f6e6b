/**
 * The engine under the services of a deployment: members of etcd as processes of this machine with relays before them,
 * or the members of a cluster that exists already, of which only the links can be disturbed.
 */

import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine, RecordMessage } from '../../harness/bed.ts';
import { ClusterRelays } from './cluster-relays.ts';
import { EtcdBallast } from './etcd-ballast.ts';
import type { EtcdMember } from './etcd-member.ts';
import { type ClusterParts, createMembersWithRelays, type EtcdClusterSettings, type OwnMembers } from './etcd-setup.ts';
import { askEtcd, type EtcdStatus } from './etcd-status.ts';
import { EtcdWatch, type KnownMembers } from './etcd-watch.ts';
import { freePorts, withOtherPorts } from './ports.ts';

/** On a machine that is busy with other things, members may need many elections. */
const START_MS_MAX = 90_000;
/** For a cluster that runs already. */
const GIVEN_MS_MAX = 10_000;
const POLL_MS = 20;
const HEALTH_POLL_MS = 100;
/** No key: deleting it changes nothing, and is agreed on by the members like every write. */
const NO_KEY = Buffer.from('snowstorm-health/').toString('base64');

export class EtcdCluster implements Engine {
  readonly members: readonly string[];
  readonly hasPeerLinks: boolean;
  readonly #relays: ClusterRelays;
  readonly #own: OwnMembers | undefined;
  readonly #known: KnownMembers;
  readonly #watch: EtcdWatch;
  readonly #ballast: EtcdBallast | undefined;
  /** Why the relays of a member take no connections, if that is an error. */
  readonly #relayTroubles = new Map<string, string>();
  #isClosed = false;

  private constructor({ members, own }: ClusterParts) {
    this.members = members.map(({ name }) => name);
    this.hasPeerLinks = own !== undefined;
    this.#own = own;
    this.#relays = new ClusterRelays(members, (id) => this.#watch.nameOf(id));
    this.#known = {
      urls: new Map(members.map(({ name, url }) => [name, url])),
      isAwake: (name) => {
        const member = own?.all.get(name);
        return own === undefined || (member?.isUp === true && !member.isPaused);
      },
    };
    this.#watch = new EtcdWatch(this.#known);
    this.#ballast = own && new EtcdBallast(this.#known, own.quotaBytes);
  }

  /** Starts a new cluster. Resolves when it is healthy. */
  static start(settings: EtcdClusterSettings): Promise<EtcdCluster> {
    return withOtherPorts(async () => {
      let cluster: EtcdCluster | undefined;
      let isStarted = false;
      const onExit = (name: string, how: string) => {
        if (cluster !== undefined) cluster.#onExit(name);
        if (isStarted) settings.onExit?.(name, how);
      };
      cluster = new EtcdCluster(await createMembersWithRelays({ ...settings, onExit }));
      try {
        for (const member of cluster.#processes()) cluster.#begin(member);
        await cluster.#awaitHealth(START_MS_MAX, true);
        isStarted = true;
        return cluster;
      } catch (error) {
        await cluster.close();
        throw error;
      }
    });
  }

  /**
   * Puts relays before the members of a cluster that exists. Its members cannot be killed, paused or filled up, and the
   * links between them cannot be disturbed. Rejects if they do not work together soon.
   *
   * @param urls of its members, for clients
   */
  static async relayTo(urls: readonly string[], instances: readonly string[]): Promise<EtcdCluster> {
    return withOtherPorts(async () => {
      const ports = [...(await freePorts(urls.length * instances.length))];
      const members = urls.map((url, index) => ({
        name: `e${index + 1}`,
        url,
        instancePorts: new Map(instances.map((id) => [id, ports.pop() as number])),
      }));
      const cluster = new EtcdCluster({ members });
      try {
        await Promise.all(cluster.members.map((name) => cluster.#relays.open(name)));
        await cluster.healthy(GIVEN_MS_MAX);
        return cluster;
      } catch (error) {
        await cluster.close();
        throw error;
      }
    });
  }

  /** The URLs of the members for an instance, through relays. */
  endpointsFor(instance: string): readonly string[] {
    return this.#relays.endpointsFor(instance);
  }

  /** Tells `record` the requests of instances on connections that are made from now on, and their answers. */
  observe(record: RecordMessage): void {
    this.#relays.record = record;
  }

  leader(): string | undefined {
    return this.#watch.leader();
  }

  kill(members: readonly string[]): readonly string[] {
    const up = this.#processes(members).filter(({ isUp }) => isUp);
    for (const member of up) {
      this.#relays.refuse(member.name);
      this.#watch.forget(member.name);
      void member.kill();
    }
    return up.map(({ name }) => name);
  }

  restart(members: readonly string[]): void {
    for (const member of this.#processes(members)) this.#begin(member);
  }

  pause(members: readonly string[]): readonly string[] {
    const hit = this.#processes(members).filter((member) => member.pause());
    return hit.map(({ name }) => name);
  }

  resume(members: readonly string[]): void {
    for (const member of this.#processes(members)) member.resume();
  }

  cut(src: string, dest: string): void {
    this.#check(src, dest);
    this.#relays.links.cut(src, dest);
  }

  mend(src: string, dest: string): void {
    this.#relays.links.mend(src, dest);
  }

  delay(src: string, dest: string, delayMs: number): () => void {
    this.#check(src, dest);
    return this.#relays.links.delay(src, dest, delayMs);
  }

  reset(src: string, dest: string): void {
    this.#check(src, dest);
    this.#relays.reset(src, dest);
  }

  fill(): () => void {
    if (this.#ballast === undefined) throw notOwn();
    return this.#ballast.fill();
  }

  healthy(withinMs: number): Promise<void> {
    return this.#awaitHealth(withinMs, false);
  }

  /** Kills the members and ends the relays. Removes the data if it is in a temporary folder. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#watch.close();
    this.#ballast?.close();
    this.#relays.close();
    if (this.#own === undefined) return;
    await Promise.all([...this.#own.all.values()].map((member) => member.kill()));
    if (this.#own.isTemporary) rmSync(this.#own.folder, { recursive: true, force: true, maxRetries: 5 });
    this.#own.reaper.dismiss();
  }

  #processes(names: readonly string[] = this.members): readonly EtcdMember[] {
    const { all } = this.#own ?? {};
    if (all === undefined) throw notOwn();
    return names.map((name) => {
      const member = all.get(name);
      if (member === undefined) throw new Error(`etcd has no member ${name}; there are ${this.members.join(', ')}`);
      return member;
    });
  }

  /** Starts a member. Its relays take connections when it does: until then these are refused, as by the member. */
  #begin(member: EtcdMember): void {
    member.start();
    void this.#openWhenUp(member);
  }

  async #openWhenUp(member: EtcdMember): Promise<void> {
    while (member.isUp && !this.#isClosed) {
      try {
        if (await member.listens()) {
          await this.#relays.open(member.name);
          this.#relayTroubles.delete(member.name);
          break;
        }
      } catch (error) {
        // Another program has taken the port of a relay meanwhile. It may give it back.
        this.#relayTroubles.set(member.name, (error as Error).message);
      }
      await sleep(POLL_MS);
    }
    if (!member.isUp || this.#isClosed) this.#relays.refuse(member.name);
  }

  #onExit(name: string): void {
    this.#relays.refuse(name);
    this.#watch.forget(name);
  }

  #check(src: string, dest: string): void {
    const members = [src, dest].filter((end) => this.members.includes(end));
    if (members.length === 0) throw new Error(`${src} and ${dest}: neither is a member of etcd`);
    if (members.length === 2 && this.#own === undefined) throw notOwn();
  }

  /** Whether waiting for the start is in vain: a member has ended, or a port is taken. */
  get #isLost(): boolean {
    return this.#relayTroubles.size > 0 || this.#processes().some(({ endedHow }) => endedHow !== undefined);
  }

  async #awaitHealth(withinMs: number, endsEarly: boolean): Promise<void> {
    const endMs = performance.now() + withinMs;
    for (;;) {
      // Asked first: then the trouble that is found next says why.
      const isLost = endsEarly && this.#isLost;
      const trouble = await this.#findTrouble();
      if (trouble === undefined) return;
      if (isLost || this.#isClosed) throw new Error(`etcd: ${trouble}`);
      if (performance.now() >= endMs) throw new Error(`etcd, ${withinMs / 1000} s later: ${trouble}`);
      await sleep(HEALTH_POLL_MS);
    }
  }

  /** What is wrong with the cluster, in words; undefined if nothing is. */
  async #findTrouble(): Promise<string | undefined> {
    const found = await Promise.all(this.members.map((name) => this.#findTroubleOf(name)));
    const troubles = found.flatMap(({ trouble }) => trouble ?? []);
    if (troubles.length > 0) return troubles.join('; ');
    const leaders = new Set(found.map(({ leader }) => leader));
    if (leaders.size > 1) return 'its members do not agree on a leader';
    // Of a cluster that was there, the leader may be a member without a URL, or two URLs may lead to one member.
    if (this.#own === undefined) return undefined;
    if (this.leader() === undefined) return 'its members do not agree on a leader';
    if (this.#ballast?.isEmpty === false) return 'its database was filled up and is not empty yet';
    return this.#watch.isComplete ? undefined : 'the ids of its members are not known yet';
  }

  async #findTroubleOf(name: string): Promise<{ readonly trouble?: string; readonly leader?: string }> {
    const member = this.#own?.all.get(name);
    if (member?.endedHow !== undefined) return { trouble: `${name} has ended by itself: ${member.endedHow}` };
    if (member?.isUp === false) return { trouble: `${name} is down` };
    if (member?.isPaused) return { trouble: `${name} is paused` };
    const taken = this.#relayTroubles.get(name);
    if (taken !== undefined) return { trouble: `the relays of ${name} take no connections: ${taken}` };
    const url = this.#known.urls.get(name) as string;
    const status = await this.#watch.look(name);
    const trouble = status === undefined ? 'does not answer' : await troubleOf(status, url);
    if (trouble !== undefined) return { trouble: `${member === undefined ? `${name} (${url})` : name} ${trouble}` };
    if (!this.#relays.isOpen(name)) return { trouble: `the relays of ${name} take no connections` };
    return { leader: (status as EtcdStatus).leader };
  }
}

async function troubleOf({ leader, errors }: EtcdStatus, url: string): Promise<string | undefined> {
  if (leader === '0') return 'knows no leader';
  if (errors.length > 0) return `tells of ${errors.join(', ')}`;
  return (await askEtcd(url, '/v3/kv/deleterange', { key: NO_KEY })) === undefined ? 'takes no writes' : undefined;
}

function notOwn(): Error {
  return new Error('etcd was there before this run: only the links between instances and its members can be disturbed');
}
