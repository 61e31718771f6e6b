/**
 * (f) Ids in batches through the pipes of one node process: first ahead of the clock, as fast as the process can, then,
 * with the lead used up, at the pace of the format, 4096 ids a millisecond. The client looks at bytes only, so that it
 * is not what is measured.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Section } from './measure.ts';

const NODE = resolve('bin/maelstrom-node');
const INIT = '{"id":0,"src":"c0","dest":"n0","body":{"type":"init","node_id":"n0","node_ids":["n0"],"msg_id":1}}\n';
const FORMAT_IDS_PER_SECOND = 4_096_000;
const COUNT = 1000;
const IN_FLIGHT = 16;
const SUSTAINED_MS = 10_000;
const ROUNDS = 3;
/** A process that has not used up its lead by then is slower than the format. */
const AHEAD_MS_MAX = 30_000;

const NEWLINE = 0x0a;
const QUOTE = 0x22;
const COMMA = 0x2c;
const FIRST_ID = Buffer.from('"ids":["');
const TRY_AGAIN = /"code":11,.*try again in (\d+) ms/;

export async function benchBatches(): Promise<readonly Section[]> {
  const rounds: Round[] = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await measureOne());
  const each = (pick: (round: Round) => number) => rounds.map(pick);
  const input = `generate of ${COUNT}, ${IN_FLIGHT} in flight`;
  const ratios = each(({ perSecond }) => perSecond / FORMAT_IDS_PER_SECOND);
  return [
    {
      title: '(f) ids in batches, one node process',
      figures: [
        { name: 'ahead of the clock', input, unit: 'M ids/s', values: each((round) => round.aheadPerSecond / 1e6) },
        {
          ...{ name: 'sustained, the lead used up', input, unit: 'M ids/s' },
          values: each(({ perSecond }) => perSecond / 1e6),
          yardstick: { name: "the format's 4.096 M", ratios },
          goal: { of: 'ratio', atLeast: 0.99 },
        },
        { name: 'requests answered 11 meanwhile', input, unit: '', values: each(({ refusals }) => refusals) },
        {
          ...{ name: 'ids not above the one before', input, unit: '' },
          values: each(({ order }) => order.violations),
          goal: { of: 'value', atMost: 0 },
        },
      ],
    },
  ];
}

async function measureOne(): Promise<Round> {
  const folder = mkdtempSync(join(tmpdir(), 'snowstorm-bench-'));
  const child = spawn(process.execPath, [NODE, '--state-dir', folder, '--log-level', 'silent'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    return await measure(child);
  } finally {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  }
}

interface Round {
  readonly aheadPerSecond: number;
  readonly perSecond: number;
  readonly refusals: number;
  readonly order: Ascent;
}

function measure({ stdin, stdout }: ChildProcess): Promise<Round> {
  if (stdin === null || stdout === null) throw new Error('the node has no pipes');
  const order = new Ascent();
  let messageId = 2;
  let finished = false;
  const ask = (count: number) => {
    if (finished) return;
    let text = '';
    for (let left = count; left > 0; left--) {
      const body = `{"type":"generate","count":${COUNT},"msg_id":${messageId++}}`;
      text += `{"id":${messageId},"src":"c1","dest":"n0","body":${body}}\n`;
    }
    stdin.write(text);
  };
  return new Promise((done, fail) => {
    const startMs = performance.now();
    let usedUp: { readonly ms: number; readonly count: number } | undefined;
    let refusals = 0;
    let answered = 0;
    const onLine = (line: Buffer) => {
      const first = line.indexOf(FIRST_ID);
      if (first >= 0) {
        answered++;
        return order.take(line, first + FIRST_ID.length);
      }
      const [, waitMs] = TRY_AGAIN.exec(line.toString('latin1')) ?? [];
      if (waitMs === undefined) return fail(new Error(`the node answered ${line}`));
      usedUp ??= { ms: performance.now(), count: order.count };
      refusals++;
      return setTimeout(ask, Number(waitMs), 1);
    };
    const splitter = new LineSplitter(onLine);
    stdout.once('data', () => {
      ask(IN_FLIGHT);
      stdout.on('data', (chunk: Buffer) => {
        answered = 0;
        splitter.take(chunk);
        if (answered > 0) ask(answered);
        const nowMs = performance.now();
        if (usedUp === undefined && nowMs - startMs > AHEAD_MS_MAX) usedUp = { ms: nowMs, count: order.count };
        if (usedUp === undefined || nowMs - usedUp.ms < SUSTAINED_MS) return;
        finished = true;
        stdout.removeAllListeners('data');
        done({
          aheadPerSecond: (usedUp.count / (usedUp.ms - startMs)) * 1000,
          perSecond: ((order.count - usedUp.count) / (nowMs - usedUp.ms)) * 1000,
          refusals,
          order,
        });
      });
    });
    stdin.write(INIT);
  });
}

class LineSplitter {
  readonly #onLine: (line: Buffer) => void;
  #rest: Buffer = Buffer.alloc(0);

  constructor(onLine: (line: Buffer) => void) {
    this.#onLine = onLine;
  }

  take(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE)) {
      this.#onLine(bytes.subarray(0, end));
      bytes = bytes.subarray(end + 1);
    }
    this.#rest = bytes;
  }
}

/** Holds every id against the one before it: ids that ascend are all different. */
class Ascent {
  count = 0;
  violations = 0;
  #last: Buffer = Buffer.alloc(0);

  /** @param start where the first id of an array begins, behind its quote */
  take(line: Buffer, start: number): void {
    const length = line.indexOf(QUOTE, start) - start;
    let last = this.#last;
    let lastAt = 0;
    let lastLength = this.#last.length;
    let at = start;
    for (let count = 1; ; count++) {
      // One longer digit by digit is the larger one.
      if (length < lastLength || (length === lastLength && !isAbove(line, at, last, lastAt, length))) this.violations++;
      if (line[at + length] !== QUOTE) throw new Error('the ids of a batch differ in length');
      last = line;
      lastAt = at;
      lastLength = length;
      if (line[at + length + 1] !== COMMA) {
        if (count !== COUNT) throw new Error(`a batch has ${count} ids`);
        break;
      }
      at += length + '","'.length;
    }
    this.count += COUNT;
    this.#last = Buffer.from(line.subarray(at, at + length));
  }
}

function isAbove(bytes: Buffer, at: number, others: Buffer, othersAt: number, length: number): boolean {
  for (let index = 0; index < length; index++) {
    const difference = (bytes[at + index] as number) - (others[othersAt + index] as number);
    if (difference !== 0) return difference > 0;
  }
  return false;
}
