/**
 * One life of an instance of `snowstorm serve` as a process of this machine: started, watched until it is ready,
 * paused, killed.
 *
 * An instance whose store cannot be opened ends. Before it was ready that is no failure of it: it is started again
 * within the same life, as systemd and Kubernetes do, until the store is there.
 */

import { LoggedProcess, type LogOptions } from '../processes/logged-process.ts';
import type { LifePlace } from '../processes/node-lives.ts';
import { ReadinessWatch } from './readiness-watch.ts';
import type { ServiceClient } from './service-client.ts';

/** How `serve` ends if it was given what it cannot have, and what its last words name then: its store, or its port. */
const EXIT_NOT_HAD = 254;
const NOT_HAD_YET = /--(?:store|listen) /;
/** What `serve` says when it listens. */
const LISTENING = /\blistening on (https?:\/\/[^\s,]+)/;
const ANY_PORT = '127.0.0.1:0';

const RESTART_MS = 500;

export interface InstanceOptions {
  readonly nodeId: string;
  /** By its full path. */
  readonly program: string;
  /** @param listen where it is to listen, `127.0.0.1:8080`; with port 0, on any port */
  readonly args: (listen: string) => readonly string[];
  readonly log: LogOptions;
  /** Where earlier lives listened; undefined: there were none, or none came so far. */
  readonly url: string | undefined;
  readonly client: Pick<ServiceClient, 'findTrouble'>;
  /** It has found a port. Called if `url` was undefined. */
  readonly onListening: (url: string) => void;
  /** It serves. */
  readonly onReady: () => void;
  /** It ended by itself; `how` gives its exit status and its last words. */
  readonly onExit: (how: string) => void;
}

export class InstanceProcess {
  readonly #options: InstanceOptions;
  readonly #place: LifePlace;
  #process: LoggedProcess;
  #watch: ReadinessWatch;
  #url: string | undefined;
  /** How it has ended in this life: it could not have its store yet. */
  #ended: string | undefined;
  #isReady = false;
  #paused = false;
  #killed = false;
  #restart: NodeJS.Timeout | undefined;

  constructor(place: LifePlace, options: InstanceOptions) {
    this.#place = place;
    this.#options = options;
    this.#url = options.url;
    [this.#process, this.#watch] = this.#start(place.heading);
  }

  /** Whether a kill of it is complete. */
  get over(): boolean {
    return this.#process.over;
  }

  /** Why it is not ready, in words; undefined: it is, or was. */
  findTrouble(): string | undefined {
    if (this.#isReady) return undefined;
    if (this.#ended !== undefined || this.#url !== undefined) return this.#ended ?? this.#watch.trouble;
    const { lastWord } = this.#process;
    const said = lastWord === undefined ? 'it has written nothing to stderr' : `the last that it said is: ${lastWord}`;
    return `it has not said that it listens, as serve does; ${said}`;
  }

  pause(): void {
    this.#paused = true;
    this.#process.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#process.resume();
  }

  kill(): Promise<void> {
    this.#killed = true;
    this.#watch.stop();
    clearTimeout(this.#restart);
    return this.#process.kill();
  }

  #start(heading: string | undefined): [LoggedProcess, ReadinessWatch] {
    const { nodeId, program, args, log, client } = this.#options;
    const process = new LoggedProcess({
      ...this.#place,
      nodeId,
      program,
      args: args(this.#url === undefined ? ANY_PORT : new URL(this.#url).host),
      stdio: 'ignore',
      log: { ...log, onStderr: (id, line) => this.#takeStderr(id, line) },
      heading,
      onExit: (how, status) => this.#takeExit(how, status),
    });
    const watch = new ReadinessWatch(
      client,
      () => this.#url,
      () => this.#takeReadiness(),
    );
    return [process, watch];
  }

  #takeStderr(nodeId: string, line: string): void {
    this.#options.log.onStderr?.(nodeId, line);
    if (this.#url !== undefined || this.#killed) return;
    this.#url = LISTENING.exec(line)?.[1];
    if (this.#url !== undefined) this.#options.onListening(this.#url);
  }

  #takeReadiness(): void {
    this.#isReady = true;
    this.#options.onReady();
  }

  #takeExit(how: string, status: number | undefined): void {
    this.#watch.stop();
    if (this.#isReady || status !== EXIT_NOT_HAD || !NOT_HAD_YET.test(how)) {
      this.#options.onExit(how);
      return;
    }
    this.#ended = `it is started again and again; it ended with ${how}`;
    this.#startLater();
  }

  /** Nothing is started while it is paused. */
  #startLater(): void {
    this.#restart = setTimeout(() => {
      if (this.#paused) this.#startLater();
      else [this.#process, this.#watch] = this.#start('--- snowstorm: started again ---');
    }, RESTART_MS);
  }
}
