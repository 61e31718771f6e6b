/**
 * Real etcd members for tests: one or three, on free ports of this machine, with their data in a temporary folder.
 * Nothing of them stays, also when the tests are killed: a reaper kills them then.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ProcessGroup } from '../../src/host/processes/process-group.ts';
import { Reaper } from '../../src/host/processes/reaper.ts';
import { findProgram } from './programs.ts';

const MARK_VARIABLE = 'SNOWSTORM_ETCD_TEST';
const START_MS_MAX = 50_000;
const STARTS_MAX = 3;
const POLL_MS = 20;
const ASK_MS_MAX = 1000;
const LOG_CHARS_MAX = 4000;

/** The etcd of this machine, or the one that `ETCD` names; says so loudly if there is none. */
export function findEtcd(what: string): string | undefined {
  return findProgram(what, { names: ['etcd'], debian: 'etcd-server', variable: 'ETCD' });
}

export interface EtcdSettings {
  /** 1 or 3. Default: 1. */
  readonly memberCount?: number;
  readonly heartbeatMs?: number;
  readonly electionMs?: number;
  readonly quotaBytes?: number;
  /** Files. With `ca`, members ask clients for a certificate of it. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca?: string };
}

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
  static async start(program: string, settings: EtcdSettings = {}): Promise<EtcdCluster> {
    for (let count = 1; ; count++) {
      const cluster = await EtcdCluster.#spawn(program, settings);
      try {
        await (settings.tls === undefined ? cluster.leader() : cluster.#listening());
        return cluster;
      } catch (error) {
        // Somebody else may have taken a port meanwhile.
        await cluster.end();
        if (count === STARTS_MAX) throw error;
      }
    }
  }

  static async #spawn(program: string, settings: EtcdSettings): Promise<EtcdCluster> {
    const { memberCount = 1, tls } = settings;
    const folder = mkdtempSync(join(tmpdir(), 'snowstorm-etcd-'));
    const mark = randomUUID();
    const reaper = new Reaper(mark, MARK_VARIABLE);
    const ports = await freePorts(2 * memberCount);
    const names = Array.from({ length: memberCount }, (_, index) => `m${index}`);
    const peers = names.map((_, index) => `http://127.0.0.1:${ports[memberCount + index]}`);
    const initial = names.map((name, index) => `${name}=${peers[index]}`).join(',');
    const members = names.map((name, index) => {
      const url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${ports[index]}`;
      const args = memberArguments(name, folder, url, peers[index] as string, initial, settings);
      return new EtcdMember(url, peers[index] as string, () => spawnEtcd(program, args, mark), reaper);
    });
    return new EtcdCluster(members, folder, reaper);
  }

  get endpoints(): readonly string[] {
    return this.members.map(({ url }) => url);
  }

  /** The member that leads, as the members say that answer; waits until there is one. */
  async leader(): Promise<EtcdMember> {
    return waitFor('the cluster to have a leader', async () => {
      for (const asked of this.members) {
        const status = await asked.ask('/v3/maintenance/status', {});
        const leader = status?.leader;
        if (typeof leader !== 'string' || leader === '0') continue;
        for (const member of this.members) {
          const own = (await member.ask('/v3/maintenance/status', {}))?.header as { member_id?: string } | undefined;
          if (own?.member_id === leader) return member;
        }
      }
      return this.#complain();
    });
  }

  async #listening(): Promise<void> {
    for (const member of this.members)
      await waitFor(`${member.url} to listen`, async () => ((await member.listens()) ? true : this.#complain()));
  }

  /** Undefined, as long as all members run that should. */
  #complain(): undefined {
    const dead = this.members.find(({ hasEnded }) => hasEnded);
    if (dead !== undefined) throw new Error(`etcd has ended by itself: ${dead.log}`);
    return undefined;
  }

  /** Kills all members and removes their data. */
  async end(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
    this.#reaper.dismiss();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export class EtcdMember {
  readonly url: string;
  readonly peerUrl: string;
  readonly #spawn: () => ChildProcess;
  readonly #reaper: Reaper;
  #child: ChildProcess;
  #group: ProcessGroup;
  #ended: Promise<unknown>;
  #isKilled = false;
  /** The end of what it wrote to stderr. */
  log = '';

  constructor(url: string, peerUrl: string, spawnMember: () => ChildProcess, reaper: Reaper) {
    this.url = url;
    this.peerUrl = peerUrl;
    this.#spawn = spawnMember;
    this.#reaper = reaper;
    [this.#child, this.#group, this.#ended] = this.#start();
  }

  get hasEnded(): boolean {
    const { exitCode, signalCode } = this.#child;
    return !this.#isKilled && (exitCode !== null || signalCode !== null);
  }

  /** Ends it as a power failure of its process would. */
  async kill(): Promise<void> {
    this.#isKilled = true;
    this.#group.end();
    await this.#ended;
  }

  /** It keeps its connections, and neither reads nor writes. */
  pause(): void {
    this.#group.signal('SIGSTOP');
  }

  resume(): void {
    this.#group.signal('SIGCONT');
  }

  /** Starts a killed member again, on its data. */
  restart(): void {
    [this.#child, this.#group, this.#ended] = this.#start();
    this.#isKilled = false;
  }

  /** The answer to a request of the gateway; undefined if there is none, or an error. */
  async ask(
    path: string,
    body: object,
    headers: Record<string, string> = {},
  ): Promise<Record<string, unknown> | undefined> {
    try {
      const signal = AbortSignal.timeout(ASK_MS_MAX);
      const response = await fetch(this.url + path, { method: 'POST', body: JSON.stringify(body), headers, signal });
      const answer = (await response.json()) as Record<string, unknown>;
      return response.ok ? answer : undefined;
    } catch {
      return undefined;
    }
  }

  listens(): Promise<boolean> {
    return new Promise((resolve) => {
      const { hostname, port } = new URL(this.url);
      const socket = connect(Number(port), hostname);
      const end = (listens: boolean) => {
        socket.destroy();
        resolve(listens);
      };
      socket.once('connect', () => end(true)).once('error', () => end(false));
    });
  }

  #start(): [ChildProcess, ProcessGroup, Promise<unknown>] {
    const child = this.#spawn();
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.log = (this.log + text).slice(-LOG_CHARS_MAX);
    });
    const ended = new Promise((resolve) => child.once('exit', resolve).once('error', resolve));
    return [child, new ProcessGroup(child.pid, this.#reaper), ended];
  }
}

function memberArguments(
  name: string,
  folder: string,
  url: string,
  peerUrl: string,
  initial: string,
  { heartbeatMs = 50, electionMs = 500, quotaBytes, tls }: EtcdSettings,
): readonly string[] {
  return [
    ...['--name', name, '--data-dir', join(folder, name), '--log-level', 'error', '--initial-cluster', initial],
    ...['--listen-client-urls', url, '--advertise-client-urls', url],
    ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
    ...['--heartbeat-interval', String(heartbeatMs), '--election-timeout', String(electionMs)],
    ...(quotaBytes === undefined ? [] : ['--quota-backend-bytes', String(quotaBytes)]),
    ...(tls === undefined ? [] : ['--cert-file', tls.cert, '--key-file', tls.key]),
    ...(tls?.ca === undefined ? [] : ['--client-cert-auth', '--trusted-ca-file', tls.ca]),
  ];
}

function spawnEtcd(program: string, args: readonly string[], mark: string): ChildProcess {
  // Its settings must not come from the environment of the tests.
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('ETCD'));
  const env = { ...Object.fromEntries(inherited), ETCD_UNSUPPORTED_ARCH: process.arch, [MARK_VARIABLE]: mark };
  return spawn(program, [...args], { stdio: ['ignore', 'ignore', 'pipe'], detached: true, env });
}

/** Ports of this machine that nobody listens on, all different. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = servers.map(
    (server) =>
      new Promise<number>((resolve, reject) => {
        server.once('error', reject);
        server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
      }),
  );
  const found = await Promise.all(ports);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return found;
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
