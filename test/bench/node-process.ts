/**
 * (b) The real node process against a minimal echo on the same input, open loop through a pipe and closed loop with 64
 * in flight; and the memory it holds after many messages.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { residentMegabytes } from '../support/node-process.ts';
import { type Figure, interleave, type Measured, median, type Section } from './measure.ts';

const NODE = resolve('bin/maelstrom-node');
const MINIMAL = resolve('test/bench/minimal-echo.mjs');
const COALESCED = resolve('test/bench/coalesced-echo.mjs');
const INIT =
  '{"id":0,"src":"c0","dest":"n0","body":{"type":"init","node_id":"n0","node_ids":["n0","n1","n2"],"msg_id":1}}\n';
const CLOSED_MESSAGES = 400_000;
const IN_FLIGHT = 64;
const ROUNDS = 7;
/** How many times the minimal echo the node makes at least, by the number of messages. */
const GOALS = { echo: { 200000: 3.5, 500000: 3.5 }, generate: { 200000: 3, 500000: 3.5 } };
const CLOSED_GOAL = 3;

type Type = 'echo' | 'generate';
type Programs = Readonly<Record<'minimal' | 'coalesced' | 'node', Measured>>;
/** A second of wall time, or of CPU: of user and system, in all processes. */
type Second = 'wall' | 'cpu';

export async function benchNode(): Promise<readonly Section[]> {
  const folder = mkdtempSync(join(tmpdir(), 'snowstorm-bench-'));
  try {
    const empty = join(folder, 'init');
    writeFileSync(empty, INIT);
    const figures: Figure[] = [];
    for (const type of ['echo', 'generate'] as const) {
      for (const [count, goal] of Object.entries(GOALS[type])) {
        const file = join(folder, type);
        writeFileSync(file, INIT + requestLines(type, Number(count)).join(''));
        const open = await openLoops(file, empty, Number(count));
        const input = `${Number(count).toLocaleString('en')} lines of ${type}`;
        figures.push(...figuresOf(input, `${type}, open loop`, open.wall, goal));
        figures.push(...figuresOf(input, `${type}, open loop, by CPU time`, open.cpu, goal));
      }
      const lines = requestLines(type, CLOSED_MESSAGES);
      const closed = await interleave(ROUNDS, {
        minimal: () => closedLoop(MINIMAL, lines),
        coalesced: () => closedLoop(COALESCED, lines),
        node: () => closedLoop(NODE, lines),
      });
      figures.push(...figuresOf(`lines of ${type}`, `${type}, ${IN_FLIGHT} in flight`, closed, CLOSED_GOAL));
    }
    return [{ title: '(b) one node process, through pipes', figures }];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function figuresOf(input: string, name: string, { minimal, coalesced, node }: Programs, atLeast: number): Figure[] {
  const thousands = ({ values }: Measured) => values.map((value) => value / 1000);
  const yardstick = { name: 'the minimal echo', ratios: node.ratios };
  return [
    { name, input, unit: 'k/s', values: thousands(node), yardstick, goal: { of: 'ratio', atLeast } },
    {
      name: '… minimal echo, one write a turn',
      ...{ input, unit: 'k/s', values: thousands(coalesced), yardstick: { ...yardstick, ratios: coalesced.ratios } },
      note: `the minimal echo ${median(thousands(minimal)).toFixed(0)} k/s`,
    },
  ];
}

export async function benchMemory(): Promise<readonly Section[]> {
  const lines = requestLines('generate', CLOSED_MESSAGES);
  const child = startNode();
  const rounds = 10_000_000 / CLOSED_MESSAGES;
  let afterFirst = 0;
  for (let round = 1; round <= rounds; round++) {
    await exchange(child, lines);
    if (round === Math.ceil(1_000_000 / CLOSED_MESSAGES)) afterFirst = residentMegabytes(child.pid);
  }
  const afterLast = residentMegabytes(child.pid);
  child.kill('SIGKILL');
  return [
    {
      title: 'memory of one node process',
      figures: [
        {
          ...{ name: 'resident after 10 M messages', input: 'lines of generate', unit: 'MB', values: [afterLast] },
          yardstick: { name: 'after 1 M', ratios: [afterLast / afterFirst] },
          goal: { of: 'ratio', atMost: 1.2 },
        },
      ],
    },
  ];
}

/** Messages a second while the programs eat a whole file. What they take for a file without requests is taken off. */
async function openLoops(file: string, emptyFile: string, count: number): Promise<Record<Second, Programs>> {
  const cpu: Record<keyof Programs, number[]> = { minimal: [], coalesced: [], node: [] };
  const measure = (name: keyof Programs, program: string) => () => {
    const empty = secondsOf(program, emptyFile, 0);
    const whole = secondsOf(program, file, count);
    cpu[name].push(count / (whole.cpu - empty.cpu));
    return count / (whole.wall - empty.wall);
  };
  const wall = await interleave(ROUNDS, {
    minimal: measure('minimal', MINIMAL),
    coalesced: measure('coalesced', COALESCED),
    node: measure('node', NODE),
  });
  const ofCpu = (values: readonly number[]): Measured => ({
    values,
    ratios: values.map((value, round) => value / (cpu.minimal[round] as number)),
  });
  return {
    wall,
    cpu: { minimal: ofCpu(cpu.minimal), coalesced: ofCpu(cpu.coalesced), node: ofCpu(cpu.node) },
  };
}

function secondsOf(program: string, file: string, count: number): Record<Second, number> {
  const start = performance.now();
  const script = 'file="$1"; shift; cat "$file" | "$@" | wc -l; times';
  const args = ['-c', script, 'sh', file, process.execPath, program, ...argumentsOf(program)];
  const printed = execFileSync('/bin/sh', args, { encoding: 'utf8' });
  const wall = (performance.now() - start) / 1000;
  // The number of lines, the times of the shell, those of its children: `0m1.25s 0m0.5s`.
  const [lines, , children = ''] = printed.trim().split('\n');
  if (Number(lines) !== count + 1) throw new Error(`${program} answered ${lines} of ${count + 1} messages`);
  const cpu = [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, time) => sum + 60 * Number(time[1]) + Number(time[2]),
    0,
  );
  return { wall, cpu };
}

async function closedLoop(program: string, lines: readonly string[]): Promise<number> {
  const child = startNode(program);
  await exchange(child, lines.slice(0, CLOSED_MESSAGES / 10));
  const start = performance.now();
  await exchange(child, lines.slice(0, CLOSED_MESSAGES));
  const rate = CLOSED_MESSAGES / ((performance.now() - start) / 1000);
  child.kill('SIGKILL');
  return rate;
}

export function startNode(program = NODE): ChildProcess {
  const child = spawn(process.execPath, [program, ...argumentsOf(program)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin?.write(INIT);
  return child;
}

/** Our node says nothing beside its answers. */
function argumentsOf(program: string): readonly string[] {
  return program === NODE ? ['--log-level', 'silent'] : [];
}

/** Sends all lines, a new one for each answer, with 64 of them under way; resolves when all are answered. */
function exchange(child: ChildProcess, lines: readonly string[]): Promise<void> {
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error('the node has no pipes');
  return new Promise((done) => {
    let sent = 0;
    let answered = 0;
    const send = (count: number) => {
      const end = Math.min(sent + count, lines.length);
      if (end > sent) stdin.write(lines.slice(sent, end).join(''));
      sent = end;
    };
    const onData = (chunk: Buffer) => {
      let count = 0;
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) count++;
      answered += count;
      if (answered < lines.length) return send(count);
      stdout.off('data', onData);
      return done();
    };
    stdout.on('data', onData);
    send(IN_FLIGHT);
  });
}

function requestLines(type: Type, count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const echo = type === 'echo' ? `"echo":"Please echo ${index % 128}",` : '';
    return `{"id":${index + 2},"src":"c2","dest":"n0","body":{${echo}"type":"${type}","msg_id":${index + 1}}}\n`;
  });
}
