import { describe, expect, it } from 'vitest';
import { encodeReplay, parseReplay, type Replay, ReplayError } from '../../src/harness/replay.ts';
import { ExactNumber, parseExact } from '../../src/protocol/exact-json.ts';
import { losesItsHead, OPTIONS, record, simulate } from '../support/wrong-subjects.ts';

const REPLAY: Replay = {
  workload: 'unique-ids',
  options: {
    ...OPTIONS,
    faults: ['kill', 'loss'],
    faultValues: { loss: 0.5 },
    availability: 'total',
    initTimeoutMs: 30_000,
    nodeLimits: { window: 5 },
  },
  schedule: {
    operations: [
      { atMs: 0, worker: 0, f: 'generate', value: null },
      {
        atMs: 12.25,
        worker: 5,
        f: 'add',
        value: { number: new ExactNumber('12345678901234567890'), whole: new ExactNumber('1.0') },
      },
    ],
    faults: [
      { atMs: 1, durationMs: 2.5, fault: 'partition', shape: 'one', grudge: { n0: ['n1', 'n2'], 'lin-kv': [] } },
      { atMs: 1, durationMs: 2, fault: 'disk-torn', nodes: ['n1'], damage: 'torn' },
      { atMs: 1, durationMs: 2, fault: 'clock-restart', nodes: ['n1'], clock: { wallOffsetMs: -5 } },
      { atMs: 1, durationMs: 2, fault: 'pause', nodes: ['n1', 'n2'] },
      { atMs: 1, durationMs: 2, fault: 'clock-freeze', nodes: ['n1'], clock: { wallFrozen: true } },
    ],
    messages: [
      { fault: 'loss', src: 'c3', dest: 'n0', nth: 0 },
      { fault: 'delay', src: 'n0', dest: 'n1', nth: 7, delayMs: 1000 },
    ],
  },
};

type Json = { [field: string]: Json } & Json[];

/** The file with one change. */
function changed(change: (file: Json) => void): string {
  const file = JSON.parse(
    encodeReplay({ ...REPLAY, schedule: { ...REPLAY.schedule, operations: REPLAY.schedule.operations.slice(0, 1) } }),
  );
  change(file);
  return JSON.stringify(file);
}

const set = (object: unknown, field: string, value: unknown) => Object.assign(object as object, { [field]: value });

describe('the file of a replay', () => {
  it('holds everything, exact numbers too, in one line with a format number', () => {
    const text = encodeReplay(REPLAY);
    expect(text.endsWith('}\n')).toBe(true);
    expect(text.trimEnd()).not.toContain('\n');
    expect(parseExact(text)).toMatchObject({ format: 1, workload: 'unique-ids' });
    expect(parseReplay(text)).toEqual(REPLAY);
    expect(encodeReplay(parseReplay(text))).toBe(text);
  });

  it('does not hold a schedule twice', () => {
    const options = { ...REPLAY.options, schedule: REPLAY.schedule };
    expect(encodeReplay({ ...REPLAY, options })).toBe(encodeReplay(REPLAY));
  });

  it.each<[string, (file: Json) => void]>([
    ['format: this version of Snowstorm knows only format 1', (file) => set(file, 'format', 2)],
    ['schedule.faults.0.fault: ', (file) => set(file.schedule?.faults?.[0], 'fault', 'flood')],
    ['options.faults.1: ', (file) => set(file.options?.faults, '1', 'flood')],
    ['schedule.messages.0.fault: ', (file) => set(file.schedule?.messages?.[0], 'fault', 'kill')],
    ['schedule.operations.0.atMs: ', (file) => set(file.schedule?.operations?.[0], 'atMs', -1)],
    ['schedule.operations.0.atMs: ', (file) => set(file.schedule?.operations?.[0], 'atMs', null)],
    [
      'schedule.operations.0.worker: there are only 6 workers',
      (file) => set(file.schedule?.operations?.[0], 'worker', 6),
    ],
    ['schedule.faults.1.damage: ', (file) => set(file.schedule?.faults?.[1], 'damage', 'wet')],
    ['schedule.faults.3.nodes: is missing', (file) => delete file.schedule?.faults?.[3]?.nodes],
    [
      'schedule.faults.3.nodes.1: there is no node "n9"',
      (file) => set(file.schedule?.faults?.[3], 'nodes', ['n1', 'n9']),
    ],
    [
      'schedule.faults.3.nodes.0: there is no node "lin-kv"',
      (file) => set(file.schedule?.faults?.[3], 'nodes', ['lin-kv']),
    ],
    [
      'schedule.faults.0.grudge.n9: there is no node, service or client "n9"',
      (file) => set(file.schedule?.faults?.[0], 'grudge', { n9: ['n0'] }),
    ],
    [
      'schedule.faults.0.grudge.n0.1: there is no node, service or client "lin-vk"',
      (file) => set(file.schedule?.faults?.[0], 'grudge', { n0: ['n1', 'lin-vk'] }),
    ],
    [
      'schedule.messages.0.src: there is no node, service or client "c01"',
      (file) => set(file.schedule?.messages?.[0], 'src', 'c01'),
    ],
    [
      'schedule.messages.1.dest: there is no node, service or client "n3"',
      (file) => set(file.schedule?.messages?.[1], 'dest', 'n3'),
    ],
    ['options.seed: is missing', (file) => delete file.options?.seed],
    ['options.concurrency: ', (file) => set(file.options, 'concurrency', 1.5)],
    ['options.colour', (file) => set(file.options, 'colour', 'white')],
  ])('is refused with the name of the field: %s', (text, change) => {
    const [field = ''] = text.split(':');
    expect(() => parseReplay(changed(change))).toThrow(ReplayError);
    expect(() => parseReplay(changed(change))).toThrow(field === 'options.colour' ? 'colour' : text);
  });

  it('is refused when a number is not finite, or the text is not JSON', () => {
    const text = changed(() => {});
    expect(() => parseReplay(text.replace('"durationMs":2.5', '"durationMs":1e999'))).toThrow(
      'schedule.faults.0.durationMs',
    );
    expect(() => parseReplay('{')).toThrow(ReplayError);
    expect(() =>
      encodeReplay({ ...REPLAY, options: { ...REPLAY.options, timeLimitMs: Number.POSITIVE_INFINITY } }),
    ).toThrow('options.timeLimitMs');
  });
});

describe('a recorded run', () => {
  it('is the same when replayed from its file', async () => {
    const options = {
      ...OPTIONS,
      faults: ['kill', 'partition', 'duplication', 'clock-jump'] as const,
      faultValues: { duplication: 0.2 },
      timeLimitMs: 2000,
    };
    const { outcome, schedule } = await record(losesItsHead, options);
    expect(schedule.faults.length).toBeGreaterThan(3);
    expect(schedule.messages.length).toBeGreaterThan(3);
    const replay = parseReplay(encodeReplay({ workload: 'unique-ids', options, schedule }));
    const again = await simulate(losesItsHead, { ...replay.options, schedule: replay.schedule });
    expect([...again.history]).toEqual([...outcome.history]);
  });
});
