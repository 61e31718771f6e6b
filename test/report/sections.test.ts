import { describe, expect, it } from 'vitest';
import type { NamedProof } from '../../src/checkers/evidence.ts';
import { History } from '../../src/history/history.ts';
import { renderFacts, renderFiles, renderOptions, renderResults } from '../../src/report/fact-sections.ts';
import { renderProofs } from '../../src/report/proof-section.ts';
import { handwritten, info, invoke, nemesis, ok } from '../support/histories.ts';
import { read, recordOf } from '../support/records.ts';

describe('the facts of a run', () => {
  const factsOf = (...args: Parameters<typeof recordOf>) => {
    const root = read(renderFacts(recordOf(...args)));
    return root.texts('dt').map((name, index) => `${name}: ${root.texts('dd')[index]}`);
  };

  it('are what ran, and the figures that the checkers have', () => {
    const results = {
      'valid?': true,
      stats: { 'valid?': true, count: 3 },
      availability: { 'valid?': true, 'ok-fraction': 0.75 },
      latency: { 'valid?': true, p50: 1.5, p99: 0 },
      net: { 'valid?': true, all: { 'msgs-per-op': 5.847059 }, servers: { 'msgs-per-op': 3.25 } },
    } as const;
    const history = handwritten(
      ...[1, 2].flatMap(() => [invoke(0, 'read'), ok(0, 'read', 1)]),
      nemesis('kill', ['n1']),
      invoke(1, 'read'),
      invoke(0, 'read'),
      ok(0, 'read', 1, 2500),
    );
    expect(factsOf(history, { program: './node', concurrency: 1000, options: { seed: 7 }, results })).toEqual([
      'nodes: 3 × ./node',
      'clients: 1,000',
      'lasted: 2.5 s',
      'seed: 7',
      'operations: 4',
      'ok: 75 %',
      'latency p50: 1.5 ms',
      'latency p99: 0 ns',
      'messages between servers per operation: 3.25',
      'all messages per operation: 5.847',
    ]);
  });

  it('are few where little is known, and no share of nothing', () => {
    const few = ['nodes: 3 simulated nodes', 'clients: 3', 'lasted: 0 ns', 'seed: unknown', 'operations: 0'];
    expect(factsOf(new History())).toEqual(few);
    const results = {
      'valid?': 'unknown',
      stats: { 'valid?': 'unknown', count: 0 },
      availability: { 'valid?': true, 'ok-fraction': 1 },
    } as const;
    expect(factsOf(new History(), { results })).toEqual(few);
  });

  it('are of all operations, and name what is of those before healing only', () => {
    const results = (more: object) =>
      ({
        'valid?': true,
        stats: { 'valid?': true, count: 2 },
        availability: { 'valid?': true, 'ok-fraction': 0.5 },
        ...more,
      }) as const;
    const history = handwritten(
      ...[info(0, 'read'), ok(1, 'read', 1), ok(2, 'read', 1), ok(3, 'read', 1), ok(4, 'read', 1)].flatMap(
        (completion) => [invoke(completion.process as number, 'read'), completion],
      ),
    );
    const all = ['operations: 5', 'ok: 80 %'];
    const healed = [...all, 'completed before healing: 2', 'ok before healing: 50 %'];
    expect(factsOf(history, { results: results({ recovery: { 'valid?': true } }) }).slice(4)).toEqual(healed);
    expect(factsOf(history, { results: results({ faults: { started: { kill: 1 } } }) }).slice(4)).toEqual(healed);
    expect(factsOf(history, { results: results({ faults: { started: {} } }) }).slice(4)).toEqual([
      ...all,
      'completed before the last questions: 2',
      'ok before the last questions: 50 %',
    ]);
    const asGood = results({ availability: { 'valid?': true, 'ok-fraction': 0.8 } });
    expect(factsOf(history, { results: asGood }).slice(4)).toEqual(all);
  });

  it('are of one node as of many, and of a run that lasted an hour', () => {
    const history = handwritten(invoke(0, 'read', null, 0), ok(0, 'read', 1, 3_610_430));
    expect(factsOf(history, { nodes: ['n0'] })).toEqual(
      expect.arrayContaining(['nodes: 1 simulated node', 'lasted: 3610.4 s']),
    );
  });

  it('have the command that makes the run again, to be copied', () => {
    const again = `bin/snowstorm test --bin '<a "b">'`;
    expect(read(renderFacts(recordOf(new History(), { again }))).one('code').text).toBe(again);
  });
});

describe('the results', () => {
  it('are a block for each checker, open where it is not valid', () => {
    const results = {
      stats: { 'valid?': true, count: 3 },
      perf: { 'valid?': 'unknown' },
      workload: { 'valid?': false, error: '</pre><b>' },
      'harness-version': { text: 'no checker' },
      'valid?': false,
    } as const;
    const root = read(renderResults(results));
    expect(root.all('details').map(({ attributes }) => attributes.has('open'))).toEqual([false, true, true]);
    expect(root.texts('summary')).toEqual(['✓ stats valid', '? perf unknown', '✗ workload invalid']);
    expect(root.texts('pre')[2]).toBe('valid?          false\nerror           </pre><b>');
  });

  it('are cut where a checker says too much, and say so', () => {
    const error = 'x'.repeat(1e6);
    const [text] = read(renderResults({ 'valid?': false, workload: { 'valid?': false, error } })).texts('pre');
    expect(text?.length).toBeLessThan(21_000);
    expect(text).toMatch(/x… \(results\.json has all of it\)$/);
  });
});

describe('the options', () => {
  it('are texts as they are, and else JSON, which is cut where it is long', () => {
    const options = { bin: '"<node>"', rate: 10, nodes: ['n0'], schedule: { faults: 'x'.repeat(1000) }, seed: null };
    const root = read(renderOptions(recordOf(new History(), { options })));
    expect(root.texts('th')).toEqual(['bin', 'rate', 'nodes', 'schedule', 'seed']);
    const [bin, rate, nodes, schedule, seed] = root.texts('td');
    expect([bin, rate, nodes, seed]).toEqual(['"<node>"', '10', '["n0"]', '']);
    expect(schedule).toHaveLength(301);
  });
});

describe('the files', () => {
  it('are links that lead nowhere else, for all names', () => {
    const files = ['results.json', 'node-logs/n 1#?.log', 'javascript:alert(1)', `"'><`, 'half \ud800'];
    const root = read(renderFiles(recordOf(new History(), { files })));
    expect(root.all('a').map(({ attributes }) => attributes.get('href'))).toEqual([
      'results.json',
      'node-logs/n%201%23%3F.log',
      'javascript%3Aalert(1)',
      "%22'%3E%3C",
      'half%20%EF%BF%BD',
    ]);
    expect(root.texts('a')[1]).toBe('node-logs/n 1#?.log');
    expect(root.texts('a')[4]).toBe('half \\ud800');
  });
});

describe('the proofs', () => {
  const history = handwritten(invoke(4, 'read', 'k', 1), ok(4, 'read', 'old', 1234.5));
  const proof = (changes: Partial<NamedProof> = {}): NamedProof => ({
    checker: 'workload',
    rule: 'fresh-reads',
    problem: 'a read shows an old value',
    facts: {},
    operations: [1],
    operationCount: 1,
    time: undefined,
    ...changes,
  });
  const read_ = (...proofs: NamedProof[]) =>
    read(renderProofs(proofs, history, { concurrency: 3, nodes: ['n0', 'n1'] }));

  it('say the rule, what is wrong, and which client was answered what, and when', () => {
    const root = read_(proof({ facts: { key: '<k>' } }));
    expect(root.texts('p')).toEqual(['fresh-reads: a read shows an old value', '{"key":"<k>"}']);
    expect(root.one('ul').texts('li')).toEqual(['1,234.5 ms client 1 at n1: #1 read "k" ok "old"']);
  });

  it('say the checker where there is no rule, and the time where there is no operation', () => {
    const root = read_(proof({ rule: undefined, checker: 'protocol', operations: [], time: 2e6 }));
    expect(root.text.trim()).toBe('protocol: a read shows an old value (at 2 ms)');
  });

  it('are a dozen with eight operations each, and say that there are more', () => {
    const all = handwritten(...Array.from({ length: 10 }, () => [invoke(0, 'read'), ok(0, 'read', 1)]).flat());
    const many = proof({ operations: [1, 3, 5, 7, 9, 11, 13, 15, 17, 19], operationCount: 1059 });
    const root = read(renderProofs(Array(13).fill(many), all, { concurrency: 1, nodes: ['n0'] }));
    expect(root.all('ul')).toHaveLength(12);
    expect(root.all('ul')[0]?.texts('li').slice(-1)).toEqual(['… and 1,051 more']);
    expect(root.text).toContain('… and more; results.json has what the checkers listed.');
    expect(read_(proof()).text).not.toContain('more');
  });

  it('are cut where a node has made them long', () => {
    const root = read_(proof({ problem: 'x'.repeat(1e6), facts: { line: 'y'.repeat(1e6) } }));
    expect(root.text.length).toBeLessThan(1500);
  });

  it('draw a cycle as a ring, and tell each of its operations with the reason', () => {
    const cycle = [
      { operation: 1, type: 'rw', reason: 'T1 is before T2: <old>' },
      { operation: 3, type: 'realtime', reason: 'T2 is before T1: it ended first' },
    ];
    const two = handwritten(invoke(0, 'txn', 'a'), ok(0, 'txn', 'a'), invoke(1, 'txn', 'b'), ok(1, 'txn', 'b'));
    const root = read(
      renderProofs([proof({ operations: [1, 3], operationCount: 2, cycle })], two, {
        concurrency: 3,
        nodes: ['n0', 'n1'],
      }),
    );
    const ring = root.one('svg');
    expect(ring.attributes.get('aria-label')).toBe('T1 before T2, T2 before T1');
    expect(ring.texts('text')).toEqual(['rw', 'realtime', 'T1', 'T2']);
    expect(ring.all('circle')).toHaveLength(2);
    // Two arrows, and their heads.
    expect(ring.all('path')).toHaveLength(4);
    expect(root.one('figure').texts('li')).toEqual([
      'T1 1 ms client 0 at n0: #1 txn "a" okrw T1 is before T2: <old>',
      'T2 3 ms client 1 at n1: #3 txn "b" okrealtime T2 is before T1: it ended first',
    ]);
    expect(root.all('ul')).toEqual([]);
  });

  it('say what is left out of a long cycle', () => {
    const two = handwritten(invoke(0, 'txn', 'a'), ok(0, 'txn', 'a'));
    const cycle = Array.from({ length: 3 }, () => ({ operation: 1, type: 'ww', reason: 'so' }));
    const root = read(
      renderProofs([proof({ operations: [1], operationCount: 40, cycle })], two, { concurrency: 1, nodes: ['n0'] }),
    );
    expect(root.one('svg').texts('text')).toEqual(['ww', '…', 'ww', 'T1', 'T2', 'T40']);
    expect(root.one('figure').text).toContain('… 37 more …');
  });
});
