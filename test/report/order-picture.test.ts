import { describe, expect, it } from 'vitest';
import type { CheckResult } from '../../src/checkers/checker.ts';
import { findProofs } from '../../src/checkers/evidence.ts';
import type { History } from '../../src/history/history.ts';
import { renderProofs } from '../../src/report/proof-section.ts';
import { linKvChecker } from '../../src/workloads/lin-kv/checker/lin-kv-checker.ts';
import { handwritten, invoke, ok } from '../support/histories.ts';
import { openPage } from '../support/pages.ts';
import { read, recordOf } from '../support/records.ts';
import type { MarkupElement } from '../support/strict-markup.ts';

const RUN = { nodes: ['n0', 'n1', 'n2'], concurrency: 3 };

/** A write that another one overlaps, and a read that comes too late for its value; a third write never ends. */
const STALE = handwritten(
  invoke(0, 'write', [7, 1], 0),
  invoke(1, 'write', [7, 2], 1),
  ok(1, 'write', [7, 2], 2),
  ok(0, 'write', [7, 1], 3),
  invoke(2, 'read', [7, null], 4),
  ok(2, 'read', [7, 1], 5),
  invoke(1, 'write', [7, 3], 6),
  invoke(2, 'read', [7, null], 7),
  ok(2, 'read', [7, 2], 8),
);

function resultsOf(history: History, strict = false): CheckResult {
  const workload = linKvChecker({ strict }).check({ nodes: RUN.nodes, concurrency: 3 }, history);
  return { workload, 'valid?': workload['valid?'] };
}

function pictureOf(history: History): MarkupElement {
  return read(renderProofs(findProofs(resultsOf(history), history), history, RUN)).one('figure');
}

describe('the picture of an order', () => {
  it('has a bar for every operation, with its number in the order, and says what does not fit', () => {
    const figure = pictureOf(STALE);
    expect(figure.one('svg').attributes.get('aria-label')).toBe(
      '1: write 2, 2: write 1, 3: read 1, open: write, does not fit: read 2',
    );
    expect(figure.all('rect').map(({ classes }) => classes[1])).toEqual(['ok', 'ok', 'ok', 'info', 'misfit']);
    expect(figure.texts('.number')).toEqual(['1', '2', '3']);
    expect(figure.texts('.process')).toEqual(['process 0', 'process 1', 'process 2']);
    expect(figure.one('ol').texts('li')).toEqual([
      '2 ms client 1 at n1: #2 write [7,2] okwrite 2: it is 2',
      '3 ms client 0 at n0: #3 write [7,1] okwrite 1: it is 1',
      '5 ms client 2 at n2: #5 read [7,null] ok [7,1]read 1: it is 1',
      "8 ms client 2 at n2: #8 read [7,null] ok [7,2]read 2 does not fit: can't read 2 from register 1",
    ]);
  });

  it('lets every operation take effect while it is open, and in the order of the numbers', () => {
    const figure = pictureOf(STALE);
    const bars = figure.all('rect').map(({ attributes }) => {
      const x = Number(attributes.get('x'));
      return [x, x + Number(attributes.get('width'))] as const;
    });
    const effects = figure.all('circle').map(({ attributes }) => Number(attributes.get('cx')));
    expect([...effects].sort((one, other) => one - other)).toEqual(effects);
    for (const [index, x] of effects.entries()) {
      expect(x).toBeGreaterThan(bars[index]?.[0] as number);
      expect(x).toBeLessThan(bars[index]?.[1] as number);
    }
    // The one that never ends goes on to the right of everything.
    expect(bars[3]?.[1]).toBeGreaterThan(bars[4]?.[1] as number);
  });

  it('has the last few operations of a long order', () => {
    const many = Array.from({ length: 100 }, (_, value) => [
      invoke(0, 'write', [7, value]),
      ok(0, 'write', [7, value]),
    ]).flat();
    const figure = pictureOf(handwritten(...many, invoke(1, 'read', [7, null]), ok(1, 'read', [7, 5])));
    const texts = figure
      .one('svg')
      .texts('text')
      .filter((text) => text.startsWith('write'));
    expect(texts).toEqual([92, 93, 94, 95, 96, 97, 98, 99].map((value) => `write ${value}`));
  });

  it('is drawn for a rule beyond Knossos as well', () => {
    const history = handwritten(
      invoke(0, 'write', [7, 1]),
      ok(0, 'write', [7, 1]),
      invoke(1, 'read', [7, null]),
      ok(1, 'read', [7, null]),
    );
    const root = openPage(recordOf(history, { results: resultsOf(history) }));
    expect(root.texts('h2')[0]).toBe('What Jepsen does not see');
    expect(root.one('ol.proofs').one('ol').all('li').at(-1)?.text).toContain(
      'read that found no value does not fit: it has the value 1',
    );
    const strict = openPage(recordOf(history, { results: resultsOf(history, true) }));
    expect(strict.all('figure.order')).toHaveLength(1);
  });

  it('is left out where a record has anything else in its place', () => {
    const { workload } = resultsOf(STALE) as unknown as { workload: CheckResult };
    const [proof] = workload.proofs ?? [];
    const order = proof?.order;
    const drawn = (changed: unknown) => {
      const proofs = [{ ...proof, order: changed }];
      const results = { workload: { ...workload, proofs }, 'valid?': false } as unknown as CheckResult;
      return openPage(recordOf(STALE, { results })).all('figure.order').length;
    };
    expect(drawn(order)).toBe(1);
    for (const wrong of [
      5,
      { steps: [], misfit: order?.misfit },
      { steps: 'x', misfit: order?.misfit },
      { steps: order?.steps },
      { steps: order?.steps, misfit: { ...order?.misfit, reason: 7 } },
      { steps: [{ ...order?.steps[0], operation: 99 }], misfit: order?.misfit },
      { steps: [null, ...(order?.steps ?? [])], misfit: order?.misfit },
    ])
      expect(drawn(wrong)).toBe(0);
  });
});
