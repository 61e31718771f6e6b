/** What the watch tells of a module that reaches for this process, and what it does not. */

import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { describeImpurity, type ImpureUse, watchImpurity } from '../../../src/host/modules/impurity-watch.ts';
import { loadDefaultExport } from '../../../src/host/modules/load-module.ts';
import { acting } from '../../../src/simulator/acting.ts';

const FILE = 'test/fixtures/modules/impure.mjs';

type Uses = Readonly<Record<string, () => unknown>>;

let stop = () => {};
afterEach(() => {
  stop();
  acting.end();
});

function watch(): ImpureUse[] {
  const uses: ImpureUse[] = [];
  stop = watchImpurity((use) => uses.push(use));
  return uses;
}

/** The line of the fixture that has this text. */
function placeOf(text: string): string {
  const lines = readFileSync(FILE, 'utf8').split('\n');
  return `${FILE}:${lines.findIndex((line) => line.includes(text)) + 1}`;
}

describe('the watch', () => {
  it('tells the line of a module that asks for the time while it is loaded', async () => {
    const uses = watch();
    await loadDefaultExport(FILE);
    expect(uses).toEqual([{ what: 'Date.now()', place: placeOf('Date.now()'), instead: 'context.clock' }]);
  });

  it.each([
    ['random', 'Math.random()', 'Math.random()'],
    ['date', 'new Date()', 'new Date()'],
    ['timer', 'setTimeout()', 'setTimeout('],
    ['uuid', 'crypto.randomUUID()', 'randomUUID()'],
    ['socket', 'net.Socket.connect()', 'connect({'],
    ['elapsed', 'performance.now()', 'performance.now()'],
    ['hrtime', 'process.hrtime()', 'process.hrtime()'],
    ['bigint', 'process.hrtime.bigint()', 'process.hrtime.bigint()'],
    ['bytes', 'crypto.randomBytes()', 'randomBytes(8)'],
    ['soon', 'setImmediate()', 'setImmediate('],
    ['promised', 'timers/promises.setTimeout()', 'wait(1)'],
    ['limit', 'AbortSignal.timeout()', 'AbortSignal.timeout('],
    ['datagram', 'dgram.Socket.bind()', 'createSocket('],
    ['request', 'net.Socket.connect()', "get('http"],
    ['name', 'dns.lookup()', "lookup('localhost'"],
    ['program', 'child_process.execFileSync()', 'execFileSync(process'],
    ['shell', 'child_process.exec()', "exec('true')"],
  ] as const)('tells of %s, once for each line', async (name, what, text) => {
    const exported = (await loadDefaultExport(FILE)) as Uses;
    const uses = watch();
    exported[name]?.();
    exported[name]?.();
    expect(uses).toEqual([{ what, place: placeOf(text), instead: expect.any(String) }]);
  });

  it.each([
    ['read', 'fs.readFileSync()', 'read: () => readFileSync('],
    ['exists', 'fs.existsSync()', "existsSync('/')"],
    ['write', 'fs.writeFile()', 'writeFile('],
    ['promisedFile', 'fs.promises.readFile()', 'readFile(new'],
    ['property', 'fs.statSync()', 'fs.statSync('],
  ] as const)('tells of %s only while a node acts', async (name, what, text) => {
    const exported = (await loadDefaultExport(FILE)) as Uses;
    const uses = watch();
    exported[name]?.();
    expect(uses).toEqual([]);
    const place = placeOf(text);
    acting.begin({ nodeId: 'n1', now: () => 0, log: console }, 'a line');
    exported[name]?.();
    expect(uses).toEqual([{ what, place, instead: 'openFolder of the ports of the node, and Journal' }]);
  });

  it('does not tell of what gives the same every time, and changes nothing', async () => {
    const exported = (await loadDefaultExport(FILE)) as Uses;
    const uses = watch();
    exported.fine?.();
    const fixed = exported.fixedDate?.();
    expect(fixed).toEqual(new Date(0));
    expect(fixed).toBeInstanceOf(Date);
    expect(uses.filter(({ place }) => place.startsWith(FILE))).toEqual([]);
    expect(typeof exported.date?.()).toBe('object');
  });

  it('leaves everything as it was when it stops', () => {
    const before = [Date, Math.random, setTimeout, performance.now, process.hrtime];
    watch();
    expect(Math.random).not.toBe(before[1]);
    stop();
    expect([Date, Math.random, setTimeout, performance.now, process.hrtime]).toEqual(before);
  });

  it('is told in a sentence', () => {
    expect(describeImpurity({ what: 'Date.now()', place: 'my-node.ts:12', instead: 'context.clock' })).toBe(
      'my-node.ts:12 calls Date.now(): the same seed may give another run, so a failure may not replay; use context.clock',
    );
  });
});
