/**
 * Runs of the real `bin/snowstorm` with real nodes, from the outside: arguments in; exit status, output and record out.
 *
 * Every run gets a unique environment variable, which all its processes inherit. So processes that outlive a run are
 * found on the machine.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Operation } from '../../src/history/operation.ts';

export const SNOWSTORM = fileURLToPath(new URL('../../bin/snowstorm', import.meta.url));
export const OUR_NODE = fileURLToPath(new URL('../../bin/maelstrom-node', import.meta.url));

const FIXTURES = fileURLToPath(new URL('../fixtures/nodes/', import.meta.url));
const POLL_MS = 20;
/** Below vitest's timeout of a test, so that the error names the condition. */
const WAIT_MS_MAX = 50_000;
const MARK = 'SNOWSTORM_PROCESS_TEST';

/** A node of the fixtures, by its full path. */
export function fixture(file: string): string {
  return join(FIXTURES, file);
}

/** Whether python3 is installed; prints a warning if not. */
export function hasPython(what: string): boolean {
  try {
    execFileSync('python3', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    process.stderr.write(`\n*** SKIPPED: ${what}, because there is no python3 on this machine ***\n\n`);
    return false;
  }
}

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running program. */
export class Running {
  readonly child: ChildProcess;
  /** Resolves when the program has ended and all its output has been read. */
  readonly ended: Promise<Ended>;
  readonly #mark = randomUUID();
  #stdout = '';
  #stderr = '';

  constructor(program: string, args: readonly string[], options: RunSettings = {}) {
    const env = { ...process.env, ...options.env, [MARK]: this.#mark };
    this.child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env,
      ...(options.cwd !== undefined && { cwd: options.cwd }),
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text) => (this.#stdout += text));
    this.child.stderr?.setEncoding('utf8').on('data', (text) => (this.#stderr += text));
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.child.on('close', (status, signal) =>
        resolve({ status, signal, stdout: this.#stdout, stderr: this.#stderr }),
      );
    });
  }

  /** Its stderr so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Its stdout so far. */
  get stdout(): string {
    return this.#stdout;
  }

  /** Writes text to its stdin. */
  type(text: string): void {
    this.child.stdin?.write(text);
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Every living process that it has started, directly or not, even if the parent is dead. */
  descendants(): string[] {
    return processesWith(`${MARK}=${this.#mark}`, this.child.pid);
  }

  /** Resolves when it and all its processes are gone; rejects with a list if some stay. */
  async nothingLeft(): Promise<void> {
    await until(
      () => this.descendants().length === 0,
      () => `still there: ${this.descendants().join(' | ')}`,
    );
  }
}

export interface RunSettings {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs `snowstorm` to its end. */
export function snowstorm(args: readonly string[], settings: RunSettings = {}): Promise<Ended> {
  return new Running(SNOWSTORM, args, settings).ended;
}

/** A run of `snowstorm test` that has ended, with its record. */
export class EndedTest implements Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The folder of the run within its store. */
  readonly folder: string;

  /** @param folder the folder of the run, if it is not the latest of the store */
  constructor(ended: Ended, store: string, folder?: string) {
    this.status = ended.status;
    this.signal = ended.signal;
    this.stdout = ended.stdout;
    this.stderr = ended.stderr;
    const latest = folder ?? join(store, 'latest');
    this.folder = existsSync(latest) ? realpathSync(latest) : `(no record; ${ended.stderr})`;
  }

  /** The last line on stdout. */
  get verdict(): string {
    return this.stdout.trimEnd().split('\n').at(-1) ?? '';
  }

  /** `results.json` as plain JavaScript, big integers rounded. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into results of every shape
  get results(): any {
    return JSON.parse(this.read('results.json'));
  }

  get history(): Operation[] {
    return jsonLines(this.read('history.jsonl')) as Operation[];
  }

  get messages(): { event: string; time: number; src: string; dest: string; body: Record<string, unknown> }[] {
    return jsonLines(this.read('messages.jsonl')) as ReturnType<() => EndedTest['messages']>;
  }

  /** The broken rules of the protocol, each once. */
  get brokenRules(): string[] {
    return [...new Set(this.violations.map(({ rule }) => rule))];
  }

  get violations(): { node: string; rule: string; text: string; line?: string }[] {
    return this.results.protocol.violations;
  }

  read(file: string): string {
    return readFileSync(join(this.folder, file), 'utf8');
  }
}

export interface TestSettings extends RunSettings {
  readonly workload: string;
  readonly bin: string;
  /** The store of this run. Default: a new folder in `folder`. */
  readonly store: string;
  /** Which nodes. Default: one. */
  readonly nodes?: readonly string[];
  /** Everything else on the command line. */
  readonly args?: readonly string[];
}

/**
 * Starts `snowstorm test`: one node, 50 operations a second for a second, the same operations every time. `args` may
 * change that.
 */
export function startTest({
  workload,
  bin,
  store,
  nodes = ['--node-count', '1'],
  args = [],
  ...settings
}: TestSettings): Running {
  const defaults = [...nodes, '--time-limit', '1', '--rate', '50', '--seed', '1', '--store', store];
  return new Running(SNOWSTORM, ['test', '-w', workload, '--bin', bin, ...defaults, ...args], settings);
}

/** Runs `snowstorm test` to its end, and checks that none of its processes stays. */
export async function runTest(settings: TestSettings): Promise<EndedTest> {
  const running = startTest(settings);
  const ended = await running.ended;
  await running.nothingLeft();
  return new EndedTest(ended, settings.store);
}

/**
 * `snowstorm` with files of at most 40 KiB: the smallest report is larger, and the files of a short run are smaller.
 */
export function onSmallDisk(args: readonly string[]): Promise<Ended> {
  return new Running('bash', ['-c', 'ulimit -f 40 && exec "$0" "$@"', SNOWSTORM, ...args]).ended;
}

/** Polls `condition`, within bounds. */
export async function until(condition: () => boolean | Promise<boolean>, describe: () => string): Promise<void> {
  const giveUpMs = performance.now() + WAIT_MS_MAX;
  while (!(await condition())) {
    if (performance.now() > giveUpMs) throw new Error(`waited ${WAIT_MS_MAX / 1000} s in vain: ${describe()}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function jsonLines(text: string): unknown[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

/** The command lines of the processes with `entry` in their environment, without that of `exceptPid`. */
function processesWith(entry: string, exceptPid: number | undefined): string[] {
  if (!existsSync('/proc/self/environ')) return processesByPs(entry, exceptPid);
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== exceptPid)
    .flatMap((pid) => {
      try {
        if (!readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(entry)) return [];
        return [`${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')}`];
      } catch {
        return []; // It has ended, or belongs to another user.
      }
    });
}

/** Every process whose command line contains this text. */
export function processesThatName(text: string): string[] {
  const commands = existsSync('/proc/self/cmdline')
    ? readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? commandOf(name) : []))
    : execFileSync('ps', ['-Aww', '-o', 'command='], { encoding: 'utf8' }).split('\n');
  return commands.filter((command) => command.includes(text));
}

function commandOf(pid: string): string[] {
  try {
    return [readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')];
  } catch {
    return []; // It ended meanwhile.
  }
}

/** For systems without /proc: `ps e` shows the environment behind the command. */
function processesByPs(entry: string, exceptPid: number | undefined): string[] {
  const lines = execFileSync('ps', ['-Aeww', '-o', 'pid=,command='], { encoding: 'utf8' }).split('\n');
  return lines.filter((line) => line.includes(entry) && Number.parseInt(line, 10) !== exceptPid);
}
