/**
 * A member of etcd as a process of this machine, with as many lives as it is given, all on one folder of data. It is
 * the leader of a process group, and a reaper kills it when this process ends.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { inheritedEnvironment } from '../inherited-environment.ts';
import { killAllMarked, ProcessGroup } from '../processes/process-group.ts';
import type { Reaper } from '../processes/reaper.ts';
import { MARK_VARIABLE } from '../processes/strays.ts';
import { type AskOptions, askEtcd } from './etcd-status.ts';
import { listens } from './ports.ts';

const LAST_WORDS_LENGTH_MAX = 4000;
/** With its default of 100,000 a member that was filled up at times had 600 MB in memory after half an hour. */
const SNAPSHOT_ENTRIES = 2000;

/** What all members have in common. */
export interface MemberSettings {
  /** etcd, by its full path. */
  readonly program: string;
  /** For the data, a folder in it for each member. */
  readonly folder: string;
  /** For `<name>.log`: what a member writes to stderr. Default: the folder of the data. */
  readonly logFolder?: string;
  /** Default: 50. */
  readonly heartbeatMs?: number;
  /** Default: 500. */
  readonly electionMs?: number;
  /** Default: that of etcd, 2 GiB. */
  readonly quotaBytes?: number;
  /** Files. With `ca`, members ask clients for a certificate of it. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca?: string };
  readonly reaper: Reaper;
  /** Of the reaper. That of a member is `<mark>/<name>`. */
  readonly mark: string;
  /** Called for a member that ends without a kill; `how` gives its exit status and its last output. */
  readonly onExit?: (name: string, how: string) => void;
}

/** Where a member listens. */
export interface MemberPorts {
  readonly name: string;
  readonly clientPort: number;
  readonly peerPort: number;
  /** Where the others find it. Default: the port for peers itself. */
  readonly advertisedPeerPort?: number;
}

interface Life {
  readonly group: ProcessGroup;
  isKilled: boolean;
}

/** The members of one new cluster. None is started yet. */
export function createMembers(settings: MemberSettings, all: readonly MemberPorts[]): readonly EtcdMember[] {
  const advertised = ({ peerPort, advertisedPeerPort = peerPort }: MemberPorts) => urlOf(advertisedPeerPort);
  const initial = all.map((ports) => `${ports.name}=${advertised(ports)}`).join(',');
  return all.map((ports) => {
    const urls = ['--initial-cluster', initial, '--initial-advertise-peer-urls', advertised(ports)];
    return new EtcdMember(settings, ports, urls);
  });
}

export class EtcdMember {
  readonly name: string;
  readonly url: string;
  readonly peerUrl: string;
  readonly #settings: MemberSettings;
  readonly #args: readonly string[];
  readonly #logPath: string;
  /** How often it was to start. A start that a kill overtakes does not happen. */
  #startCount = 0;
  #lifeCount = 0;
  #life: Life | undefined;
  #ended: Promise<void> = Promise.resolve();
  /** Whether it should run. */
  #isWanted = false;
  #isPaused = false;
  #endedHow: string | undefined;

  constructor(settings: MemberSettings, { name, clientPort, peerPort }: MemberPorts, peerArgs: readonly string[]) {
    this.name = name;
    this.url = urlOf(clientPort, settings.tls === undefined ? 'http' : 'https');
    this.peerUrl = urlOf(peerPort);
    this.#settings = settings;
    this.#args = [...memberArguments(this, settings), ...peerArgs];
    this.#logPath = join(settings.logFolder ?? settings.folder, `${name}.log`);
  }

  /** Whether it was started and neither killed nor ended by itself. */
  get isUp(): boolean {
    return this.#isWanted && this.#endedHow === undefined;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** How it ended by itself; undefined if it did not. */
  get endedHow(): string | undefined {
    return this.#endedHow;
  }

  /** Begins a life, the first or the next, on its data. Does nothing if it is up. */
  start(): void {
    if (this.isUp) return;
    this.#isWanted = true;
    this.#endedHow = undefined;
    const nth = ++this.#startCount;
    // The process of the life before may hold ports and data for a moment still.
    this.#ended = this.#ended.then(() => (nth === this.#startCount ? this.#live() : undefined));
  }

  /** Ends it as a power failure of its process would. Resolves when it is gone. */
  kill(): Promise<void> {
    this.#isWanted = false;
    this.#isPaused = false;
    this.#startCount++;
    if (this.#life !== undefined) this.#life.isKilled = true;
    this.#life?.group.end();
    return this.#ended;
  }

  /** It keeps its connections, and neither reads nor writes. False if it is not up or was paused before. */
  pause(): boolean {
    if (!this.isUp || this.#isPaused) return false;
    this.#isPaused = this.#life?.group.signal('SIGSTOP') ?? false;
    return this.#isPaused;
  }

  resume(): void {
    if (this.#isPaused) this.#life?.group.signal('SIGCONT');
    this.#isPaused = false;
  }

  /** The answer to a request of the gateway; undefined if there is none, or an error. */
  ask(path: string, body: object, options: AskOptions = {}): Promise<Record<string, unknown> | undefined> {
    return askEtcd(this.url, path, body, options);
  }

  /** Whether it listens for clients and for peers. */
  async listens(): Promise<boolean> {
    return (await listens(new URL(this.url))) && listens(new URL(this.peerUrl));
  }

  /** Resolves when the life is over. */
  async #live(): Promise<void> {
    let child: ChildProcess;
    try {
      child = this.#spawn();
    } catch (error) {
      // Its log cannot be opened, or the system has no process left.
      this.#endByItself(`it could not be started (${(error as Error).message})`);
      return;
    }
    const life = { group: new ProcessGroup(child.pid, this.#settings.reaper), isKilled: false };
    this.#life = life;
    await new Promise<void>((resolve) => {
      const end = (how: string) => {
        life.group.end();
        if (!life.isKilled) this.#endByItself(how);
        // If the program is a script, a child of it that left the group may hold the ports and the data.
        resolve(killAllMarked(this.#mark));
      };
      child.once('error', ({ message }) => end(`it could not be started (${message})`));
      child.once('exit', (status, signal) => end(signal === null ? `exit status ${status}` : `signal ${signal}`));
    });
  }

  get #mark(): string {
    return `${this.#settings.mark}/${this.name}`;
  }

  #endByItself(how: string): void {
    this.#isPaused = false;
    this.#endedHow = `${how}${this.#lastWords()}`;
    this.#settings.onExit?.(this.name, this.#endedHow);
  }

  #spawn(): ChildProcess {
    const { program } = this.#settings;
    this.#lifeCount++;
    const log = openSync(this.#logPath, this.#lifeCount === 1 ? 'w' : 'a');
    if (this.#lifeCount > 1) writeSync(log, `--- snowstorm: life ${this.#lifeCount} ---\n`);
    // Its settings must not come from the environment of the run.
    const inherited = Object.entries(inheritedEnvironment()).filter(([name]) => !name.startsWith('ETCD'));
    const arch = process.arch === 'x64' ? {} : { ETCD_UNSUPPORTED_ARCH: process.arch };
    const env = { ...Object.fromEntries(inherited), ...arch, [MARK_VARIABLE]: this.#mark };
    try {
      return spawn(program, [...this.#args], { stdio: ['ignore', 'ignore', log], detached: true, env });
    } finally {
      closeSync(log);
    }
  }

  #lastWords(): string {
    try {
      const text = readFileSync(this.#logPath, 'utf8').trim().slice(-LAST_WORDS_LENGTH_MAX);
      return text === '' ? '' : `; the end of ${this.#logPath}: ${text}`;
    } catch {
      return '';
    }
  }
}

function urlOf(port: number, scheme = 'http'): string {
  return `${scheme}://127.0.0.1:${port}`;
}

function memberArguments(
  { name, url, peerUrl }: EtcdMember,
  { folder, heartbeatMs = 50, electionMs = 500, quotaBytes, tls }: MemberSettings,
): readonly string[] {
  return [
    ...['--name', name, '--data-dir', join(folder, name), '--logger', 'zap', '--log-level', 'warn'],
    ...['--listen-client-urls', url, '--advertise-client-urls', url, '--listen-peer-urls', peerUrl],
    ...['--heartbeat-interval', String(heartbeatMs), '--election-timeout', String(electionMs)],
    ...['--snapshot-count', String(SNAPSHOT_ENTRIES)],
    ...(quotaBytes === undefined ? [] : ['--quota-backend-bytes', String(quotaBytes)]),
    ...(tls === undefined ? [] : ['--cert-file', tls.cert, '--key-file', tls.key]),
    ...(tls?.ca === undefined ? [] : ['--client-cert-auth', '--trusted-ca-file', tls.ca]),
  ];
}
