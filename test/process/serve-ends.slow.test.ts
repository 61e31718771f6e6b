/**
 * Whenever and however `snowstorm test --serve` ends, nothing of it stays: no process, no port, no data. It ends with a
 * verdict if it was not killed.
 *
 * `RUNS=50` makes 50 undisturbed runs and as many that are signalled; `SEED` repeats the moments of the signals, as far
 * as a machine can.
 */

import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/protocol/random.ts';
import { findEtcd } from '../support/etcd.ts';
import { type ListeningSocket, listeningSocketsOf, stillListening } from '../support/listening-ports.ts';
import { EndedTest, Running, SNOWSTORM, until } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const RUNS = Number(process.env.RUNS ?? 8);
const SEED = process.env.SEED ?? String(Date.now());
const SIDE_BY_SIDE = 2;
const RUN_MS_MAX = 120_000;
const SAMPLE_MS = 100;
/** After that a run is about to end. A signal may come after its end, too. */
const SIGNAL_MS_MAX = { memory: 7000, folder: 7000, etcd: 18_000 };
const STATUS = [/^Everything looks good!/, /^The run is INVALID\./, /^Verdict unknown\./];
/** Of a command that was stopped before its store had started. */
const QUIT = 2;

type Engine = keyof typeof SIGNAL_MS_MAX;

const etcd = findEtcd('the end of runs on a real etcd');
const ENGINES: readonly Engine[] = etcd === undefined ? ['memory', 'folder'] : ['etcd', 'memory', 'etcd', 'folder'];
const folder = temporaryFolder();
const random = new SeededRandom(SEED);
const figures: string[] = [];
const started: ServedRun[] = [];

afterAll(() => {
  for (const { running } of started) running.signal('SIGKILL');
  process.stderr.write(`\n${RUNS} runs and ${RUNS} with signals, SEED=${SEED}\n${figures.sort().join('\n')}\n`);
});

/** A run under all faults, with a temporary folder of its own. */
class ServedRun {
  readonly running: Running;
  readonly store: string;
  readonly #temporary: string;
  readonly #sockets = new Map<string, ListeningSocket>();
  readonly #startedMs = performance.now();

  constructor(name: string, engine: Engine, workload: string, seconds: number) {
    this.store = join(folder, `${name}-store`);
    this.#temporary = join(folder, `${name}-tmp`);
    mkdirSync(this.#temporary);
    const engines = {
      memory: ['--serve', '1', '--engine', 'memory'],
      folder: ['--serve', '1', '--engine', join(folder, `${name}-data`)],
      etcd: ['--serve', '2', '--engine', 'etcd:3', '--etcd', etcd ?? 'etcd'],
    };
    const faults = ['--nemesis', 'all', '--nemesis-interval', '1', '--time-limit', String(seconds)];
    const args = ['test', '-w', workload, ...engines[engine], ...faults, '--rate', '20', '--store', this.store];
    this.running = new Running(SNOWSTORM, args, { env: { TMPDIR: this.#temporary } });
    started.push(this);
  }

  /** Resolves when it has ended and nothing of it is left. */
  async end(): Promise<EndedTest> {
    const sampling = setInterval(() => this.#sample(), SAMPLE_MS);
    const ended = await this.running.ended.finally(() => clearInterval(sampling));
    await this.running.nothingLeft();
    const left = () => readdirSync(this.#temporary).filter((entry) => entry.startsWith('snowstorm-'));
    await until(
      () => left().length === 0,
      () => `still there: ${left().join(', ')}`,
    );
    expect(stillListening(new Set(this.#sockets.keys()))).toEqual([]);
    expect(ended.stdout).toMatch(/^(?:$|stats\n)/);
    expect(ended.stderr).not.toMatch(/^snowstorm: |^ {4}at /m);
    return new EndedTest(ended, this.store);
  }

  get socketCount(): number {
    return this.#sockets.size;
  }

  get seconds(): number {
    return (performance.now() - this.#startedMs) / 1000;
  }

  #sample(): void {
    const pids = this.running.descendants().map((line) => Number.parseInt(line, 10));
    for (const socket of listeningSocketsOf([this.running.child.pid as number, ...pids]))
      this.#sockets.set(socket.inode, socket);
  }
}

/** A verdict was printed and recorded, and is the exit status. */
function expectVerdict(ended: EndedTest): void {
  expect(ended.signal).toBeNull();
  expect(ended.verdict).toMatch(STATUS[ended.status ?? -1] ?? /there is no such status/);
  const recorded = [true, false, 'unknown'].indexOf(ended.results['valid?']);
  expect(recorded).toBe(ended.status);
}

async function inTurns(count: number, act: (index: number) => Promise<void>): Promise<void> {
  const indices = Array.from({ length: count }, (_, index) => index).values();
  const one = async () => {
    for (const index of indices) await act(index);
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, one));
}

function draw<T>(values: readonly T[]): T {
  return values[random.integer(values.length)] as T;
}

function drawRun(name: string, index: number): { run: ServedRun; engine: Engine } {
  const engine = ENGINES[index % ENGINES.length] as Engine;
  return {
    run: new ServedRun(`${name}-${index}`, engine, draw(['ids', 'voucher', 'saga']), 1 + random.integer(3)),
    engine,
  };
}

describe('a test of services', () => {
  it(
    'that ends by itself leaves nothing',
    async () => {
      await inTurns(RUNS, async (index) => {
        const { run, engine } = drawRun('whole', index);
        const ended = await run.end();
        figures.push(`${engine} ${run.seconds.toFixed(0)} s, ${run.socketCount} sockets: ${ended.verdict}`);
        expect(run.socketCount).toBeGreaterThan(0);
        expect(ended.stderr).not.toContain('stopping');
        expectVerdict(ended);
      });
    },
    RUNS * RUN_MS_MAX,
  );

  it(
    'that is signalled at any moment leaves nothing, and a verdict unless it was killed',
    async () => {
      await inTurns(RUNS, async (index) => {
        const { run, engine } = drawRun('signalled', index);
        const signals = draw<readonly NodeJS.Signals[]>([['SIGINT'], ['SIGINT', 'SIGINT'], ['SIGTERM'], ['SIGKILL']]);
        const moments = signals.map(() => random.integer(SIGNAL_MS_MAX[engine])).sort((one, other) => one - other);
        const end = run.end();
        for (const [nth, signal] of signals.entries()) {
          await Promise.race([sleep((moments[nth] as number) - (moments[nth - 1] ?? 0)), run.running.ended]);
          run.running.signal(signal);
        }
        const ended = await end;
        const how = ended.signal ?? `status ${ended.status}, ${ended.verdict || 'no verdict'}`;
        figures.push(`${engine} ${signals.join(' ')} at ${moments.join(', ')} ms: ${how}`);
        if (ended.signal === 'SIGKILL' || isQuit(ended, signals.length)) return;
        // A signal has its usual effect until the command has read its arguments, and when it has said everything.
        if (ended.signal === null) expectVerdict(ended);
        else expect(existsSync(run.store)).toBe(ended.verdict !== '');
      });
    },
    RUNS * RUN_MS_MAX,
  );
});

/** Whether a second signal came before there was anything to give a verdict on. */
function isQuit({ status, stdout, stderr }: EndedTest, signalCount: number): boolean {
  return (
    signalCount === 2 && status === QUIT && stdout === '' && stderr.includes('stopping when the store has started')
  );
}
