/**
 * (b) The real node process against a minimal echo, open loop through a pipe and closed loop with 64 in flight; (c) its
 * start; and the memory it holds after many messages.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { residentMegabytes } from '../support/node-process.ts';
import { goalAtLeast, goalAtMost, interleave, printSection } from './measure.ts';

const NODE = resolve('bin/maelstrom-node');
const MINIMAL = resolve('test/bench/minimal-echo.mjs');
const COALESCED = resolve('test/bench/coalesced-echo.mjs');
const INIT =
  '{"id":0,"src":"c0","dest":"n0","body":{"type":"init","node_id":"n0","node_ids":["n0","n1","n2"],"msg_id":1}}\n';
const MESSAGES = 1_000_000;
const CLOSED_MESSAGES = 400_000;
const IN_FLIGHT = 64;
const ROUNDS = 5;
const START_ROUNDS = 21;

export async function benchNode(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'snowstorm-bench-'));
  try {
    const echoLines = requestLines('echo', MESSAGES);
    const generateLines = requestLines('generate', MESSAGES);
    const file = (name: string, text: string) => {
      const path = join(folder, name);
      writeFileSync(path, text);
      return path;
    };
    const empty = file('init', INIT);
    const echo = file('echo', INIT + echoLines.join(''));
    const generate = file('generate', INIT + generateLines.join(''));
    const open = await interleave(ROUNDS, {
      minimal: () => openLoop(MINIMAL, echo, empty),
      coalesced: () => openLoop(COALESCED, echo, empty),
      echo: () => openLoop(NODE, echo, empty),
      generate: () => openLoop(NODE, generate, empty),
    });
    const closed = await interleave(ROUNDS, {
      minimal: () => closedLoop(MINIMAL, echoLines),
      coalesced: () => closedLoop(COALESCED, echoLines),
      echo: () => closedLoop(NODE, echoLines),
      generate: () => closedLoop(NODE, generateLines),
    });
    const row = (name: string, { value, ratio }: { value: number; ratio: number }, least?: number) => ({
      name,
      value: `${(value / 1000).toFixed(0).padStart(4)} k messages/s, ${ratio.toFixed(2)} ×`,
      ...(least === undefined ? {} : { goal: goalAtLeast(ratio, least, ' ×') }),
    });
    printSection('(b) one node process, through pipes', 'node --import tsx test/bench/main.ts node', [
      row('open loop: minimal echo', open.minimal),
      row('open loop: the same, one write a turn, no checks', open.coalesced),
      row('open loop: echo', open.echo, 3.5),
      row('open loop: generate', open.generate, 4),
      row(`closed loop, ${IN_FLIGHT} in flight: minimal echo`, closed.minimal),
      row(`closed loop, ${IN_FLIGHT} in flight: one write a turn`, closed.coalesced),
      row(`closed loop, ${IN_FLIGHT} in flight: echo`, closed.echo, 3),
      row(`closed loop, ${IN_FLIGHT} in flight: generate`, closed.generate, 3),
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export async function benchStart(): Promise<void> {
  const start = await interleave(START_ROUNDS, { empty: startOfNothing, node: startToFirstReply });
  printSection('(c) start of the process', 'node --import tsx test/bench/main.ts start', [
    { name: 'node -e 0', value: `${start.empty.value.toFixed(0)} ms` },
    {
      name: 'maelstrom-node, to its first reply',
      value: `${start.node.value.toFixed(0)} ms, ${start.node.ratio.toFixed(2)} ×`,
      goal: goalAtMost(start.node.ratio, 1.7, ' ×'),
    },
  ]);
}

export async function benchMemory(): Promise<void> {
  const lines = requestLines('generate', CLOSED_MESSAGES);
  const child = startNode(NODE);
  const rounds = 10_000_000 / CLOSED_MESSAGES;
  let afterFirst = 0;
  for (let round = 1; round <= rounds; round++) {
    await exchange(child, lines);
    if (round === Math.ceil(1_000_000 / CLOSED_MESSAGES)) afterFirst = residentMegabytes(child.pid);
  }
  const afterLast = residentMegabytes(child.pid);
  child.kill('SIGKILL');
  printSection('memory of one node process', 'node --import tsx test/bench/main.ts memory', [
    { name: 'resident after 1 M messages', value: `${afterFirst.toFixed(0)} MB` },
    {
      name: 'resident after 10 M messages',
      value: `${afterLast.toFixed(0)} MB, ${(afterLast / afterFirst).toFixed(2)} ×`,
      goal: goalAtMost(afterLast / afterFirst, 1.2, ' ×'),
    },
  ]);
}

/** Messages a second while `program` eats a whole file; the time for a file without requests is taken off. */
function openLoop(program: string, file: string, emptyFile: string): number {
  const seconds = (input: string) => {
    const start = performance.now();
    const script = 'cat "$1" | "$2" "$3" | wc -l';
    const count = execFileSync('/bin/sh', ['-c', script, 'sh', input, process.execPath, program], { encoding: 'utf8' });
    if (input !== emptyFile && Number(count) !== MESSAGES + 1) throw new Error(`${program} answered ${count} messages`);
    return (performance.now() - start) / 1000;
  };
  return MESSAGES / (seconds(file) - seconds(emptyFile));
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

function startNode(program: string): ChildProcess {
  const child = spawn(process.execPath, [program, ...(program === NODE ? ['--log-level', 'silent'] : [])], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin?.write(INIT);
  return child;
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

function requestLines(type: 'echo' | 'generate', count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const echo = type === 'echo' ? `"echo":"Please echo ${index % 128}",` : '';
    return `{"id":${index + 2},"src":"c2","dest":"n0","body":{${echo}"type":"${type}","msg_id":${index + 1}}}\n`;
  });
}

function startToFirstReply(): Promise<number> {
  const start = performance.now();
  const child = startNode(NODE);
  return new Promise((resolve) => {
    child.stdout?.once('data', () => {
      resolve(performance.now() - start);
      child.kill('SIGKILL');
    });
  });
}

function startOfNothing(): Promise<number> {
  const start = performance.now();
  const child = spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' });
  return new Promise((resolve) => child.once('exit', () => resolve(performance.now() - start)));
}
