import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { NodeHandle } from '../../../src/harness/bed.ts';
import { ProcessBed } from '../../../src/host/processes/process-bed.ts';
import { fixture, until } from '../../support/snowstorm-process.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const folder = temporaryFolder();
const beds: ProcessBed[] = [];

afterEach(async () => {
  await Promise.all(beds.splice(0).map((bed) => bed.close()));
});

/** Nodes of one program. A token on their command lines identifies them and their children. */
class Nodes {
  readonly logFolder = join(folder, randomUUID());
  readonly bed: ProcessBed;
  readonly lost: string[] = [];
  readonly #token = randomUUID();

  constructor(file: string, environment?: Record<string, string>) {
    mkdirSync(this.logFolder);
    this.bed = new ProcessBed({
      program: fixture(file),
      args: [this.#token],
      logFolder: this.logFolder,
      ...(environment && { environment }),
      onLogLost: (path, { message }) => this.lost.push(`${basename(path)}: ${message}`),
    });
    beds.push(this.bed);
  }

  start(nodeId: string): Life {
    return new Life(this.bed, nodeId);
  }

  log(nodeId: string): string {
    return readFileSync(join(this.logFolder, `${nodeId}.log`), 'utf8');
  }

  alive(): string[] {
    return commandLines().filter((commandLine) => commandLine.includes(this.#token));
  }
}

/** One life of a node, and its events. */
class Life {
  readonly handle: NodeHandle;
  readonly echoes: unknown[] = [];
  readonly heard = { line: 0, unreadable: 0, closed: 0, exit: [] as string[] };
  #asked = 0;

  constructor(bed: ProcessBed, nodeId: string) {
    this.handle = bed.startNode(nodeId, {
      onLine: (line) => {
        this.heard.line++;
        const { body } = JSON.parse(line);
        if (body?.type === 'echo_ok') this.echoes.push(body.echo);
      },
      onMessage: () => {},
      onUnreadable: () => this.heard.unreadable++,
      onOutputClosed: () => this.heard.closed++,
      onExit: (how) => this.heard.exit.push(how),
    });
    this.#deliver({ type: 'init', node_id: nodeId, node_ids: [nodeId], msg_id: 0 });
  }

  /** Asks for an echo of the number of the request, and of something long if need be. */
  ask(padding = ''): void {
    const msgId = ++this.#asked;
    this.#deliver({ type: 'echo', echo: msgId, msg_id: msgId, padding });
  }

  async untilAllAnswered(): Promise<void> {
    await until(
      () => this.echoes.length >= this.#asked,
      () => `${this.echoes.length} answers to ${this.#asked} requests`,
    );
  }

  async askAndWait(): Promise<void> {
    this.ask();
    await this.untilAllAnswered();
  }

  #deliver(body: object): void {
    this.handle.deliver(JSON.stringify({ id: 0, src: 'c1', dest: 'n0', body }));
  }
}

describe('the folder of a run', () => {
  it('outlives kills, is told to the node with the rest of its environment, and is gone at the end', async () => {
    const nodes = new Nodes('lives.mjs', { SNOWSTORM_WORKLOAD: 'broadcast', SNOWSTORM_CHALLENGE: '3e' });
    const first = nodes.start('n0');
    await first.askAndWait();
    await first.handle.kill();
    const second = nodes.start('n0');
    await second.askAndWait();
    const told = [first, second].map(({ echoes }) => echoes[0] as { folder: string });
    const { folder: runFolder } = told[0] as { folder: string };
    const rest = { folder: runFolder, workload: 'broadcast', challenge: '3e' };
    expect(told).toEqual([
      { ...rest, lives: 1 },
      { ...rest, lives: 2 },
    ]);
    expect(existsSync(runFolder)).toBe(true);
    await nodes.bed.close();
    expect(existsSync(runFolder)).toBe(false);
  });
});

describe('a paused node', () => {
  it('answers nothing until it is resumed, then everything in order', async () => {
    const nodes = new Nodes('echo.mjs');
    const [paused, other] = [nodes.start('n0'), nodes.start('n1')];
    await paused.askAndWait();
    paused.handle.pause();
    paused.handle.pause();
    paused.ask();
    // Longer than a running node takes to answer.
    for (let round = 0; round < 20; round++) await other.askAndWait();
    expect(paused.echoes).toEqual([1]);
    paused.handle.resume();
    paused.handle.resume();
    await paused.untilAllAnswered();
    paused.ask();
    await paused.untilAllAnswered();
    expect(paused.echoes).toEqual([1, 2, 3]);
  });

  it('loses no input, even if that is more than its pipe and buffers hold', async () => {
    const nodes = new Nodes('echo.mjs');
    const [paused, other] = [nodes.start('n0'), nodes.start('n1')];
    await paused.askAndWait();
    paused.handle.pause();
    const padding = 'x'.repeat(1024);
    // 4 MB, in many turns of the event loop.
    for (let round = 0; round < 20; round++) {
      for (let count = 0; count < 200; count++) paused.ask(padding);
      await other.askAndWait();
    }
    expect(paused.echoes).toEqual([1]);
    paused.handle.resume();
    await paused.untilAllAnswered();
    expect(paused.echoes).toEqual(Array.from({ length: 4001 }, (_, index) => index + 1));
  });

  it('is paused with its children in the group', async () => {
    const [wrapped, other] = [new Nodes('answers-by-a-child.mjs').start('n0'), new Nodes('echo.mjs').start('n0')];
    await wrapped.askAndWait();
    wrapped.handle.pause();
    wrapped.ask();
    for (let round = 0; round < 20; round++) await other.askAndWait();
    expect(wrapped.echoes).toEqual([1]);
    wrapped.handle.resume();
    await wrapped.untilAllAnswered();
    expect(wrapped.echoes).toEqual([1, 2]);
  });

  for (const file of ['echo.mjs', 'answers-by-a-child.mjs', 'lives-on.mjs']) {
    it(`can be killed, with what it has not read yet and its children (${file})`, async () => {
      const nodes = new Nodes(file);
      const life = nodes.start('n0');
      await life.askAndWait();
      life.handle.pause();
      for (let count = 0; count < 2000; count++) life.ask('x'.repeat(1024));
      await life.handle.kill();
      expect(nodes.alive()).toEqual([]);
      expect(life.heard.exit).toEqual([]);
      expect(life.echoes).toEqual([1]);
    });
  }
});

describe('a node that closes its stdout', () => {
  it('is reported once if it lives on, and neither its exit nor its kill reports it again', async () => {
    const closing = new Nodes('closes-its-stdout.mjs');
    const life = closing.start('n0');
    await until(
      () => life.heard.closed > 0,
      () => 'nothing is told',
    );
    await life.handle.kill();
    expect(life.heard).toMatchObject({ closed: 1, exit: [] });

    const killed = closing.start('n0');
    await until(
      () => killed.heard.line > 0,
      () => 'it does not answer',
    );
    await killed.handle.kill();
    const ended = new Nodes('exits-and-leaves-a-child.mjs').start('n0');
    ended.ask();
    await until(
      () => ended.heard.exit.length > 0,
      () => 'it has not ended',
    );
    // Longer than a process may take to end.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect([killed, ended].map(({ heard }) => heard.closed)).toEqual([0, 0]);
  });
});

describe('output without a newline', () => {
  it('is held, with its size, its beginning and its age', async () => {
    const life = new Nodes('leaves-out-newlines.mjs').start('n0');
    await until(
      () => life.heard.line > 0,
      () => 'it does not answer init',
    );
    expect(life.handle.heldOutput?.()).toBeUndefined();
    life.ask();
    await until(
      () => life.handle.heldOutput?.() !== undefined,
      () => 'nothing is held',
    );
    const beginning = '{"src":"n0","dest":"c1","body":{"type":"echo_ok","echo":1,"in_reply_to":1}}';
    const held = life.handle.heldOutput?.();
    expect(held).toEqual({ bytes: 75, beginning, waitedMs: expect.any(Number) });
    await until(
      () => (life.handle.heldOutput?.()?.waitedMs ?? 0) > (held?.waitedMs ?? 0) + 100,
      () => 'it does not age',
    );
    // Its beginning stays the same when more comes.
    life.ask();
    await until(
      () => life.handle.heldOutput?.()?.bytes === 150,
      () => `${life.handle.heldOutput?.()?.bytes} bytes are held`,
    );
    expect(life.handle.heldOutput?.()?.waitedMs).toBeGreaterThan(100);
    expect(life.handle.heldOutput?.()?.beginning).toBe((beginning + beginning).slice(0, 120));
  });
});

describe('pause and resume', () => {
  it('do nothing after the node was killed', async () => {
    const nodes = new Nodes('echo.mjs');
    const killed = nodes.start('n0');
    await killed.askAndWait();
    const killing = killed.handle.kill();
    killed.handle.pause();
    killed.handle.resume();
    await killing;
    const next = nodes.start('n0');
    killed.handle.pause();
    await next.askAndWait();
    killed.handle.resume();
    await killed.handle.kill();
    await next.askAndWait();
    expect(next.heard.exit).toEqual([]);
  });

  it('do nothing after the node has ended by itself, or if it never started', async () => {
    const ended = new Nodes('exits-and-leaves-a-child.mjs');
    const life = ended.start('n0');
    life.ask();
    await until(
      () => life.heard.exit.length > 0,
      () => 'it has not ended',
    );
    life.handle.pause();
    life.handle.resume();
    await life.handle.kill();
    expect(life.heard.exit).toEqual(['exit status 4']);
    expect(ended.alive()).toEqual([]);

    const absent = new Nodes('there-is-no-such-node').start('n0');
    absent.handle.pause();
    absent.handle.resume();
    await absent.handle.kill();
    expect(absent.heard).toEqual({ line: 0, unreadable: 0, closed: 0, exit: [] });
  });

  it('do not change how the end of a node is reported', async () => {
    const life = new Nodes('exits-and-leaves-a-child.mjs').start('n0');
    life.handle.pause();
    life.ask();
    life.handle.resume();
    await until(
      () => life.heard.exit.length > 0,
      () => 'it has not ended',
    );
    expect(life.echoes).toEqual([1]);
    expect(life.heard.exit).toEqual(['exit status 4']);
  });
});

describe('the next life of a node', () => {
  it('begins after the kill, and its log follows those of earlier lives', async () => {
    const nodes = new Nodes('echo.mjs');
    writeFileSync(join(nodes.logFolder, 'n0.log'), 'of another run\n');
    for (const life of [1, 2, 3]) {
      const node = nodes.start('n0');
      await node.askAndWait();
      expect(nodes.alive()).toHaveLength(1);
      if (life === 2) node.handle.pause();
      await node.handle.kill();
      expect(nodes.alive()).toEqual([]);
    }
    expect(nodes.log('n0')).toBe('I am n0\n--- snowstorm: life 2 ---\nI am n0\n--- snowstorm: life 3 ---\nI am n0\n');
  });

  it('begins when no process of the old life is left, not even a child outside of the group', async () => {
    const nodes = new Nodes('lives-on.mjs');
    for (let life = 1; life <= 3; life++) {
      const node = nodes.start('n0');
      await node.askAndWait();
      await until(
        () => nodes.alive().length === 3,
        () => `there are ${nodes.alive().join(' | ')}`,
      );
      await node.handle.kill();
      expect(nodes.alive()).toEqual([]);
    }
  });

  it('gets no output of the old life, and its events are dropped', async () => {
    const nodes = new Nodes('floods.mjs');
    const old = nodes.start('n0');
    await until(
      () => old.heard.line > 0 && old.heard.unreadable > 0,
      () => `heard ${JSON.stringify(old.heard)}`,
    );
    const killing = old.handle.kill();
    const before = structuredClone(old.heard);
    await killing;
    const next = nodes.start('n0');
    await until(
      () => next.heard.line > 0 && next.heard.unreadable > 0,
      () => `heard ${JSON.stringify(next.heard)}`,
    );
    expect(old.heard).toEqual(before);
    expect(before.exit).toEqual([]);
  });

  it('is refused while the old life runs, and after the end of the bed', async () => {
    const nodes = new Nodes('echo.mjs');
    const { handle } = nodes.start('n0');
    expect(() => nodes.start('n0')).toThrow('n0 was started again before it was killed');
    const killing = handle.kill();
    expect(() => nodes.start('n0')).toThrow('n0 was started again before it was killed');
    await killing;
    nodes.start('n0');
    await nodes.bed.close();
    expect(() => nodes.start('n0')).toThrow('n0 was started after the end');
    expect(nodes.alive()).toEqual([]);
  });
});

describe('a log that cannot be written', () => {
  it('is reported, and the node goes on, even if it writes more than its pipe and buffers hold', async () => {
    const nodes = new Nodes('logs-requests.mjs');
    mkdirSync(join(nodes.logFolder, 'n0.log'));
    const life = nodes.start('n0');
    for (let count = 0; count < 20_000; count++) life.ask();
    await life.untilAllAnswered();
    await life.handle.kill();
    expect(nodes.lost).toEqual([expect.stringMatching(/^n0\.log: EISDIR/)]);
    expect(life.heard.exit).toEqual([]);
    // The end of a bed does not wait for a failed log.
    const next = nodes.start('n0');
    await next.askAndWait();
    await nodes.bed.close();
    expect(nodes.lost).toHaveLength(2);
    expect(nodes.alive()).toEqual([]);
  });
});

describe('the reaper', () => {
  it('kills watched groups, stopped or not, and not the new owner of a forgotten number', async () => {
    const [stranger, running, stopped] = [sleeper(), sleeper(), sleeper()];
    process.kill(-(stopped.pid as number), 'SIGSTOP');
    const pids = [running, stranger, stopped].map(({ pid }) => pid);
    const reaper = JSON.stringify(resolve('src/host/processes/reaper.ts'));
    // A number may be watched again before its old group is forgotten. A number that is not watched may be forgotten.
    const program = `
      const { Reaper } = require(${reaper});
      const [running, stranger, stopped] = ${JSON.stringify(pids)};
      const reaper = new Reaper('no process has this mark/');
      for (const pid of [stranger, running, stranger, stopped, stopped]) reaper.watch(pid);
      for (const pid of [stranger, stranger, stopped, 4194305]) reaper.forget(pid);
      process.kill(process.pid, 'SIGKILL');`;
    const started = spawn(process.execPath, ['-r', 'tsx/cjs', '-e', program], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    expect(await signalOf(started)).toBe('SIGKILL');
    expect(await Promise.all([running, stopped].map(signalOf))).toEqual(['SIGKILL', 'SIGKILL']);
    // All were killed by one call. If it had killed the stranger too, this signal would not have ended it.
    stranger.kill('SIGTERM');
    expect(await signalOf(stranger)).toBe('SIGTERM');
  });

  it('removes the folder of what its processes kept, and keeps it when it is dismissed', async () => {
    const reaper = JSON.stringify(resolve('src/host/processes/reaper.ts'));
    const [removed, kept] = [join(folder, 'removed'), join(folder, 'kept of all')];
    for (const path of [removed, kept]) mkdirSync(join(path, 'within'), { recursive: true });
    const program = `
      const { Reaper } = require(${reaper});
      new Reaper('no process has this mark/', { folder: ${JSON.stringify(removed)} });
      new Reaper('no process has this mark/', { folder: ${JSON.stringify(kept)} }).dismiss();
      process.kill(process.pid, 'SIGKILL');`;
    const started = spawn(process.execPath, ['-r', 'tsx/cjs', '-e', program], { stdio: 'ignore' });
    expect(await signalOf(started)).toBe('SIGKILL');
    await until(
      () => !existsSync(removed),
      () => `${removed} is there`,
    );
    expect(existsSync(kept)).toBe(true);
  });

  it('kills the paused nodes of a bed whose process was killed', async () => {
    const token = randomUUID();
    const alive = () => commandLines().filter((commandLine) => commandLine.includes(token));
    const options = { program: fixture('answers-by-a-child.mjs'), args: [`node-${token}`], logFolder: folder };
    const program = `
      const { ProcessBed } = require(${JSON.stringify(resolve('src/host/processes/process-bed.ts'))});
      const bed = new ProcessBed(${JSON.stringify(options)});
      const node = bed.startNode('n0', {
        onLine() {
          node.pause();
          process.kill(process.pid, 'SIGKILL');
        },
      });
      node.deliver(JSON.stringify({ src: 'c1', dest: 'n0', body: { type: 'init', node_id: 'n0', node_ids: ['n0'], msg_id: 0 } }));`;
    const started = spawn(process.execPath, ['-r', 'tsx/cjs', '-e', program], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    expect(await signalOf(started)).toBe('SIGKILL');
    await until(
      () => alive().length === 0,
      () => `still there: ${alive().join(' | ')}`,
    );
  });
});

/** A process that leads its own group and is not a node. */
function sleeper(): ChildProcess {
  return spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' });
}

function signalOf(child: ChildProcess): Promise<NodeJS.Signals | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.signalCode);
  return new Promise((resolve) => child.once('exit', (_status, signal) => resolve(signal)));
}

/** Of every living process. */
function commandLines(): string[] {
  if (!existsSync('/proc/self/cmdline')) {
    return execFileSync('ps', ['-Aww', '-o', 'command='], { encoding: 'utf8' }).split('\n');
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')];
      } catch {
        return []; // It ended meanwhile.
      }
    });
}
