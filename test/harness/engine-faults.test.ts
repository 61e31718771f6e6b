/** Faults of the store under the nodes: what the nemesis does to it, when it undoes that, and what it writes down. */

import { describe, expect, it } from 'vitest';
import { faultsChecker } from '../../src/checkers/nemesis.ts';
import { type EngineFaultEvent, grudgePairs } from '../../src/harness/fault.ts';
import { type FaultTarget, Nemesis } from '../../src/harness/nemesis.ts';
import { History } from '../../src/history/history.ts';
import { NEMESIS, type OperationEntry } from '../../src/history/operation.ts';
import { ScriptedEngine } from '../support/scripted-engine.ts';
import { VirtualTime } from '../support/virtual-time.ts';

const TIMES = { atMs: 100, durationMs: 500 };

class Scene {
  readonly time = new VirtualTime();
  readonly engine = new ScriptedEngine();
  readonly written: Pick<OperationEntry, 'f' | 'value'>[] = [];
  readonly nemesis: Nemesis;

  constructor(plan: readonly EngineFaultEvent[], { engine = true } = {}) {
    const { engine: members } = this;
    const nothing = () => [];
    const target: FaultTarget = {
      cut: (grudge) => each(grudge, (src, dest) => members.cut(src, dest)),
      mend: (grudge) => each(grudge, (src, dest) => members.mend(src, dest)),
      kill: nothing,
      restart: nothing,
      pause: nothing,
      resume: nothing,
      disturbClock: () => nothing,
      engine: engine ? members : undefined,
    };
    this.nemesis = new Nemesis({
      target,
      scheduler: this.time,
      plan: plan.map((event) => [event]),
      endMs: 60_000,
      record: ({ f, value }) => this.written.push({ f, value }),
    });
    this.nemesis.start();
  }

  /** What was done to the engine since the last call. */
  takeDone(): (readonly unknown[])[] {
    return this.engine.done.splice(0);
  }
}

function each(grudge: Readonly<Record<string, readonly string[]>>, act: (src: string, dest: string) => void): void {
  for (const { src, dest } of grudgePairs(grudge)) act(src, dest);
}

describe('a fault of the engine', () => {
  it('kills members and starts those that it hit', async () => {
    const scene = new Scene([
      { ...TIMES, fault: 'engine-kill', members: ['e1'] },
      { ...TIMES, atMs: 200, fault: 'engine-kill-all', members: ['e1', 'e2', 'e3'] },
    ]);
    await scene.time.advance(100);
    expect(scene.takeDone()).toEqual([['kill', ['e1']]]);
    expect(scene.nemesis.currentFault).toBe('e1 killed');
    await scene.time.advance(100);
    expect(scene.takeDone()).toEqual([['kill', ['e2', 'e3']]]);
    await scene.time.advance(500);
    expect(scene.takeDone()).toEqual([
      ['restart', ['e1']],
      ['restart', ['e2', 'e3']],
    ]);
    expect(scene.nemesis.currentFault).toBeUndefined();
    expect(scene.written).toEqual([
      { f: 'start-engine-kill', value: null },
      { f: 'start-engine-kill', value: ['e1'] },
      { f: 'start-engine-kill-all', value: null },
      { f: 'start-engine-kill-all', value: ['e2', 'e3'] },
      { f: 'stop-engine-kill', value: null },
      { f: 'stop-engine-kill', value: 'restarted' },
      { f: 'stop-engine-kill-all', value: null },
      { f: 'stop-engine-kill-all', value: 'restarted' },
    ]);
  });

  it('kills the member that leads at that moment, and none if none leads', async () => {
    const scene = new Scene([
      { atMs: 100, durationMs: 500, fault: 'engine-leader' },
      { atMs: 200, durationMs: 500, fault: 'engine-leader' },
    ]);
    await scene.time.advance(250);
    expect(scene.takeDone()).toEqual([
      ['kill', ['e2']],
      ['kill', []],
    ]);
    expect(scene.nemesis.currentFault).toBe('e2 killed');
  });

  it('pauses members', async () => {
    const scene = new Scene([{ ...TIMES, fault: 'engine-pause', members: ['e3'] }]);
    await scene.time.advance(600);
    expect(scene.takeDone()).toEqual([
      ['pause', ['e3']],
      ['resume', ['e3']],
    ]);
  });

  it('fills the database and makes room again', async () => {
    const scene = new Scene([{ ...TIMES, fault: 'engine-full' }]);
    await scene.time.advance(600);
    expect(scene.takeDone().map(([action]) => action)).toEqual(['fill', 'make room']);
  });

  it('cuts members from each other', async () => {
    const grudge = { e1: ['e2', 'e3'], e2: ['e1'] };
    const scene = new Scene([{ ...TIMES, fault: 'engine-partition', shape: 'one', grudge }]);
    await scene.time.advance(100);
    expect(scene.takeDone()).toEqual([
      ['cut', 'e2', 'e1'],
      ['cut', 'e3', 'e1'],
      ['cut', 'e1', 'e2'],
    ]);
    expect(scene.nemesis.currentFault).toBe('engine-partition one (e1 ⊘ e2,e3; e2 ⊘ e1)');
    await scene.time.advance(500);
    expect(scene.takeDone().map(([action]) => action)).toEqual(['mend', 'mend', 'mend']);
  });

  it('delays links', async () => {
    const scene = new Scene([{ ...TIMES, fault: 'link-delay', links: { e1: ['n1', 'e2'] }, delayMs: 70 }]);
    await scene.time.advance(600);
    expect(scene.takeDone()).toEqual([
      ['delay', 'n1', 'e1', 70],
      ['delay', 'e2', 'e1', 70],
      ['delay ends', 'n1', 'e1', 70],
      ['delay ends', 'e2', 'e1', 70],
    ]);
  });

  it('resets connections again and again, until it is over', async () => {
    const scene = new Scene([{ ...TIMES, fault: 'link-reset', links: { e1: ['n1'] } }]);
    await scene.time.advance(10_000);
    expect(scene.takeDone()).toEqual([
      ['reset', 'n1', 'e1'],
      ['reset', 'n1', 'e1'],
      ['reset', 'n1', 'e1'],
    ]);
    expect(scene.time.timerCount).toBe(0);
  });

  it('leaves no timer behind when the nemesis rests in the middle of resets', async () => {
    const scene = new Scene([{ ...TIMES, fault: 'link-reset', links: { e1: ['n1'] } }]);
    await scene.time.advance(100);
    scene.nemesis.rest();
    expect(scene.time.timerCount).toBe(0);
  });

  it('is counted by the checker of faults, each under its name', async () => {
    const scene = new Scene([
      { ...TIMES, fault: 'engine-kill', members: ['e1'] },
      { ...TIMES, fault: 'engine-full' },
      { ...TIMES, fault: 'link-reset', links: { e1: ['n1'] } },
      { ...TIMES, fault: 'engine-partition', shape: 'one', grudge: { e1: ['e2'] } },
      { ...TIMES, fault: 'link-delay', links: { e1: ['n1'] }, delayMs: 1 },
    ]);
    await scene.time.advance(1000);
    const history = History.of(
      scene.written.map(({ f, value }, index) => ({ index, time: index, process: NEMESIS, type: 'info', f, value })),
    );
    expect(faultsChecker().check({ nodes: ['n1'], concurrency: 1 }, history).started).toEqual({
      'engine-kill': 1,
      'engine-full': 1,
      'link-reset': 1,
      'engine-partition': 1,
      'link-delay': 1,
    });
  });

  it('is an error of the harness where there is no engine', async () => {
    const scene = new Scene([{ ...TIMES, fault: 'engine-full' }], { engine: false });
    await expect(scene.time.advance(100)).rejects.toThrow('there is no engine under these nodes');
  });
});
