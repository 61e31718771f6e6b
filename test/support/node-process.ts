/** The real node as a real process, driven through its pipes. */

import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export const NODE_PROGRAM = resolve('bin/maelstrom-node');

export const INIT =
  '{"id":0,"src":"c0","dest":"n0","body":{"type":"init","node_id":"n0","node_ids":["n0","n1","n2"],"msg_id":1}}';

/** A new folder, used by no other test. */
export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'snowstorm-test-'));
}

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class NodeProcess {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ended>;
  readonly #lines: string[] = [];
  readonly #waiting: ((line: string) => void)[] = [];
  #stdout = '';
  #stderr = '';

  /** @param readsLines false: the test reads stdout itself */
  constructor(
    args: readonly string[] = ['--state-dir', 'none'],
    { cwd = process.cwd(), readsLines = true, env = process.env } = {},
  ) {
    this.child = spawn(NODE_PROGRAM, [...args], { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.child.stdin.on('error', () => {});
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    if (readsLines) {
      // Not readline, which from Node 24 on splits lines at U+2028.
      let rest = '';
      this.child.stdout.setEncoding('utf8').on('data', (text: string) => {
        this.#stdout += text;
        const lines = (rest + text).split('\n');
        rest = lines.pop() as string;
        for (const line of lines) this.#take(line);
      });
    }
    this.ended = new Promise((done) => {
      this.child.once('close', (status, signal) =>
        done({ status, signal, stdout: this.#stdout, stderr: this.#stderr }),
      );
    });
  }

  #take(line: string): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#lines.push(line);
    else waiting(line);
  }

  get stderr(): string {
    return this.#stderr;
  }

  send(...lines: string[]): void {
    this.child.stdin.write(`${lines.join('\n')}\n`);
  }

  /** The next line that the node prints. */
  nextLine(): Promise<string> {
    const line = this.#lines.shift();
    return line === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(line);
  }

  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  async nextBody(): Promise<any> {
    return JSON.parse(await this.nextLine()).body;
  }

  async start(): Promise<this> {
    this.send(INIT);
    await this.nextLine();
    return this;
  }
}

/** Runs the node on a whole input and waits for its end. */
export function runNode(
  input: string | Buffer,
  args?: readonly string[],
  options?: { cwd?: string; env?: NodeJS.ProcessEnv },
): Promise<Ended> {
  const node = new NodeProcess(args, options);
  node.child.stdin.end(input);
  return node.ended;
}

/** The memory that a process holds, from `/proc`, or from `ps` where there is none. */
export function residentMegabytes(pid: number | undefined): number {
  const status = `/proc/${pid}/status`;
  const kilobytes = existsSync(status)
    ? /VmRSS:\s+(\d+)/.exec(readFileSync(status, 'utf8'))?.[1]
    : execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' });
  return Number(kilobytes) / 1024;
}
