import { describe, expect, it } from 'vitest';
import { History } from '../../src/history/history.ts';
import { renderFaultLanes } from '../../src/report/fault-lanes.ts';
import { type FaultSpan, findFaultSpans } from '../../src/report/fault-spans.ts';
import { TimeAxis } from '../../src/report/time-chart.ts';
import { handwritten, invoke, nemesis, ok, readRecording } from '../support/histories.ts';
import { read } from '../support/records.ts';

const MS = 1e6;

/** Faults as `kind whom from-to`, in ms. */
function told(spans: readonly FaultSpan[]): readonly string[] {
  return spans.map(({ kind, whom, from, to }) => `${kind} ${whom} ${from / MS}-${to / MS}`);
}

describe('the faults of a history', () => {
  it('last from the step that says what was done to the one that says it was undone', () => {
    const grudge = ['isolated', { n1: ['n0'], n0: ['n1'] }];
    const history = handwritten(
      nemesis('start-partition', 'one', 1),
      nemesis('start-partition', grudge, 2),
      nemesis('stop-partition', null, 5),
      nemesis('stop-partition', 'network-healed', 6),
      nemesis('kill', null, 7),
      nemesis('kill', ['n1', 'n2'], 8),
      nemesis('start', null, 9),
      nemesis('start', ['n1', 'n2'], 10),
      nemesis('start-clock-jump', { nodes: ['n0'], by: 500 }, 11),
      nemesis('stop-clock-jump', ['n0'], 12),
      nemesis('pause', ['n0'], 13),
      nemesis('resume', ['n0'], 14),
    );
    expect(told(findFaultSpans(history))).toEqual([
      'partition n1 ⊘ n0; n0 ⊘ n1 2-6',
      'kill n1, n2 8-10',
      'clock-jump n0 {"by":500} 11-12',
      'pause n0 13-14',
    ]);
  });

  it('are none if a fault was only announced, or hit no node', () => {
    const values = [null, 'majority', [], { nodes: [] }, { nodes: [], by: 3 }];
    const steps = ['kill', 'pause', 'start-partition', 'start-disk-loss'].flatMap((f) =>
      values.map((value) => nemesis(f, value)),
    );
    expect(findFaultSpans(handwritten(...steps))).toEqual([]);
  });

  it('are none where clients do what sounds like one, or nothing began', () => {
    const history = handwritten(invoke(0, 'kill', ['n1']), ok(0, 'kill', ['n1']), nemesis('stop-partition', ['n1']));
    expect(findFaultSpans(history)).toEqual([]);
    expect(findFaultSpans(new History())).toEqual([]);
  });

  it('last until the end of the history where they never end', () => {
    const history = handwritten(nemesis('kill', ['n1'], 3), invoke(0, 'read', null, 4), ok(0, 'read', 1, 90));
    expect(told(findFaultSpans(history))).toEqual(['kill n1 3-90']);
  });

  it('of one kind that overlap end in the order in which they began', () => {
    const history = handwritten(
      nemesis('pause', ['n0'], 1),
      nemesis('pause', ['n1'], 2),
      nemesis('kill', ['n2'], 3),
      nemesis('resume', ['n0'], 4),
      nemesis('resume', ['n1'], 5),
      nemesis('resume', ['n2'], 6),
    );
    expect(told(findFaultSpans(history))).toEqual(['pause n0 1-4', 'pause n1 2-5', 'kill n2 3-6']);
  });

  it('are those of the real harness in its recordings', () => {
    const { history } = readRecording('unique-ids-partition');
    const spans = findFaultSpans(history);
    expect(spans.slice(0, 2)).toEqual([
      { kind: 'partition', whom: 'n1 ⊘ n2,n0; n2 ⊘ n1; n0 ⊘ n1', from: 27_512_944, to: 1_142_111_133 },
      { kind: 'partition', whom: 'n2 ⊘ n1,n0; n1 ⊘ n2; n0 ⊘ n2', from: 3_517_617_278, to: expect.any(Number) },
    ]);
  });

  it('name whom they hit in a few words, however many there are', () => {
    const nodes = Array.from({ length: 500 }, (_, index) => `n${index}`);
    const [span] = findFaultSpans(handwritten(nemesis('kill', nodes)));
    expect(span?.whom).toMatch(/^n0, n1, n2,.{100,120}…$/);
  });
});

describe('the lanes of the faults', () => {
  const lanesOf = (spans: readonly FaultSpan[], hits = {}) => {
    const end = spans.reduce((latest, { to }) => Math.max(latest, to), 1);
    return read(renderFaultLanes(spans, hits, new TimeAxis(end)));
  };
  const span = (kind: string, fromMs: number, toMs: number, whom = 'n1'): FaultSpan => ({
    kind,
    whom,
    from: fromMs * MS,
    to: toMs * MS,
  });

  it('are one a kind, with every fault in its place and in words', () => {
    const root = lanesOf([span('kill', 0, 500), span('pause', 250, 300), span('kill', 900, 1000, 'n2')]);
    expect(root.texts('.lane-name')).toEqual(['kill', 'pause']);
    expect(
      root.all('rect').map(({ attributes, text }) => [attributes.get('x'), attributes.get('width'), text]),
    ).toEqual([
      ['0', '500', 'kill n1: 0 s to 0.5 s'],
      ['900', '100', 'kill n2: 0.9 s to 1 s'],
      ['250', '50', 'pause n1: 0.25 s to 0.3 s'],
    ]);
    expect(root.texts('td')).toEqual(['0.5 s', 'kill', 'n1', '0.3 s', 'pause', 'n1', '1 s', 'kill', 'n2']);
  });

  it('show a fault of a moment as well', () => {
    const [mark] = lanesOf([span('kill', 0, 0), span('pause', 0, 1000)]).all('rect');
    expect(mark?.attributes.get('width')).toBe('2');
  });

  it('show a fault of the last moment within the lane', () => {
    const lane = lanesOf([span('kill', 0, 1000), span('pause', 1000, 1000)]);
    const [, mark] = lane.all('rect');
    expect([mark?.attributes.get('x'), mark?.attributes.get('width')]).toEqual(['998', '2']);
  });

  it('say how often in words', () => {
    const lanes = lanesOf([span('kill', 0, 1), span('pause', 2, 3), span('pause', 4, 5)]).all('svg');
    expect(lanes.map(({ attributes }) => attributes.get('aria-label'))).toEqual(['kill: 1 time', 'pause: 2 times']);
  });

  it('say so where there was no fault, or none that lasts', () => {
    expect(lanesOf([]).text).toBe('No fault was injected.');
    expect(lanesOf([], { loss: 1234, delay: 5 }).text).toBe(
      'No fault that lasts was injected.Messages hit one by one: loss 1,234, delay 5.',
    );
  });

  it('draw a thousand faults as far as they can be told apart, and list the first', () => {
    const spans = Array.from({ length: 100_000 }, (_, index) => span('kill', index * 10, index * 10 + 5));
    const apart = Array.from({ length: 401 }, (_, index) => span('kill', index * 10, index * 10 + 1));
    const text = renderFaultLanes(spans, {}, new TimeAxis(1e12)).text;
    expect(text.length).toBeLessThan(60_000);
    expect(read(text).one('.note').text).toContain('drawn as one');
    expect(read(text).one('caption').text).toBe('The first 300 of 100,000 faults');
    expect(read(text).all('rect')).toHaveLength(1);
    expect(lanesOf(apart).all('rect')).toHaveLength(401);
  });
});
