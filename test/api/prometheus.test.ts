/** The text format of Prometheus, read again by its grammar. */

import { describe, expect, it } from 'vitest';
import { HttpFigures, Latencies } from '../../src/api/figures.ts';
import { MeasuredEngine } from '../../src/api/measured-engine.ts';
import { encodeMetrics } from '../../src/api/prometheus.ts';
import { LogEngine } from '../../src/kv/log/log-engine.ts';
import { MemoryEngine } from '../../src/kv/memory-engine.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { SimulatedDisk } from '../../src/simulator/simulated-disk.ts';
import { HttpInstance } from '../support/http-instance.ts';

const LINE = /^([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)+)\})? (-?\d+(?:\.\d+)?(?:e[+-]\d+)?)$/;

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Every sample; throws for a line that is none, and for one without the head of its family. */
function read(text: string): Sample[] {
  const families = new Map<string, string>();
  return text.split('\n').flatMap((line, index, lines) => {
    const [, name = '', kind = ''] = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line) ?? [];
    if (name !== '') {
      if (families.has(name)) throw new Error(`${name} is there twice`);
      families.set(name, kind);
      expect(lines[index - 1]).toMatch(new RegExp(`^# HELP ${name} \\S`));
    }
    if (line.startsWith('#') || (line === '' && index === lines.length - 1)) return [];
    const match = LINE.exec(line);
    if (match === null) throw new Error(`not a sample: ${line}`);
    const family = (match[1] as string).replace(/_(?:bucket|sum|count)$/, '');
    expect([...families.keys()], line).toContain(families.has(match[1] as string) ? match[1] : family);
    const labels = [...(match[2] ?? '').matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, value]) => [
      key,
      value,
    ]);
    return [{ name: match[1] as string, labels: Object.fromEntries(labels), value: Number(match[3]) }];
  });
}

const find = (samples: readonly Sample[], name: string, labels: object = {}) =>
  samples.filter(
    (sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  );

describe('/metrics', () => {
  it('tells of requests, the store, ids, sagas and the process', async () => {
    const served = await HttpInstance.start();
    await served.post('/generate', {});
    await served.post('/api/v1/accounts', { name: 'a', balance: '5' });
    await served.post('/api/v1/accounts', { name: 'b', balance: '5' });
    await served.post('/api/v1/transfers', { from: 'a', to: 'b', amount: '1', request_id: 'r' });
    await served.get('/api/v1/accounts/x');
    await served.get('/no/such/path');
    const { text, headers } = await served.get('/metrics');
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    const samples = read(text);
    const one = (name: string, labels = {}) => find(samples, name, labels).map(({ value }) => value);
    expect(one('snowstorm_http_requests_total', { route: '/generate', status: '200' })).toEqual([1]);
    expect(one('snowstorm_http_requests_total', { route: '/api/v1/accounts/{name}', status: '404' })).toEqual([1]);
    expect(one('snowstorm_http_requests_total', { route: 'none', status: '404' })).toEqual([1]);
    expect(one('snowstorm_http_request_duration_seconds_count', { route: '/api/v1/accounts' })).toEqual([2]);
    expect(one('snowstorm_node_requests_total', { type: 'transfer', outcome: 'ok' })).toEqual([1]);
    expect(one('snowstorm_node_requests_total', { type: 'audit', code: '20' })).toEqual([1]);
    expect(one('snowstorm_ids_issued')).toEqual([1]);
    expect(one('snowstorm_ids_leases')).toEqual([1]);
    expect(one('snowstorm_sagas_in_flight')).toEqual([0]);
    expect(one('snowstorm_ready')).toEqual([1]);
    expect(one('snowstorm_engine_keys')[0]).toBeGreaterThan(0);
    expect(one('snowstorm_store_calls_total', { call: 'replace', outcome: 'ok' })[0]).toBeGreaterThan(3);
    expect(one('process_resident_memory_bytes')[0]).toBeGreaterThan(1e6);
  });

  it('escapes labels, and adds up buckets', () => {
    const http = new HttpFigures();
    for (const ms of [0.1, 3, 3, 99_999]) http.count('GET', 'a"b\\c\nd', 200, ms);
    const node = { uptime_ms: 1500, in_flight: 0, messages_in: 0, messages_out: 0, messages_refused: 0 };
    const rpcs = { asked: 0, answered: 0, timeouts: 0, pending: 0 };
    const text = encodeMetrics({
      ...{ instance: 'i', version: '1', store: 'memory', ready: false, http },
      ...{ connections: 0, inFlight: 0, bodyBytesHeld: 0, storeCalls: {}, engine: { 'group-size': 1.5 } },
      node: { ...node, rpcs, requests: {}, parts: { 'node number': { 'in-flight': 2 } } },
      process: { residentBytes: 1, heapBytes: 1, cpuSeconds: 0.5 },
    });
    const samples = read(text);
    expect(text).toContain('route="a\\"b\\\\c\\nd"');
    const buckets = find(samples, 'snowstorm_http_request_duration_seconds_bucket');
    expect(buckets.map(({ labels, value }) => `${labels.le}: ${value}`)).toEqual(
      expect.arrayContaining(['0.0005: 1', '0.0025: 1', '0.005: 3', '30: 3', '+Inf: 4']),
    );
    expect(find(samples, 'snowstorm_node_number_in_flight')[0]?.value).toBe(2);
    expect(find(samples, 'snowstorm_engine_group_size')[0]?.value).toBe(1.5);
  });
});

describe('a measured engine', () => {
  it('passes everything on, and counts it by outcome', async () => {
    let nowMs = 0;
    const engine = new MeasuredEngine(new MemoryEngine(), { monotonicMs: () => (nowMs += 2), wallMs: () => 0 });
    const written = await engine.replace('a', null, '1');
    if (written.kind !== 'ok') throw new Error(written.kind);
    expect(await engine.replace('a', null, '2')).toMatchObject({ kind: 'refused' });
    expect(await engine.read('a')).toMatchObject({ kind: 'found', text: '1' });
    expect(await engine.read('b')).toEqual({ kind: 'absent' });
    expect(await engine.list('a', undefined, 5)).toEqual({ kind: 'ok', keys: ['a'], more: false });
    expect(await engine.remove('a', written.token)).toEqual({ kind: 'ok' });
    expect(engine.figures()).toEqual({ keys: 0 });
    const counted = Object.entries(engine.calls).map(([call, { outcomes }]) => [call, Object.fromEntries(outcomes)]);
    expect(Object.fromEntries(counted)).toEqual({
      read: { found: 1, absent: 1 },
      replace: { ok: 1, refused: 1 },
      list: { ok: 1 },
      remove: { ok: 1 },
    });
    expect(engine.calls.read?.latencies.sumSeconds).toBeCloseTo(0.004);
  });

  it('writes ahead where the engine can, and counts that when it is on the disk', async () => {
    const clock = { monotonicMs: () => 0, wallMs: () => 0 };
    const disk = new SimulatedDisk({ random: new SeededRandom('measured') });
    const folder = disk.open({ setTimer: (_, callback) => queueMicrotask(callback) });
    const engine = new MeasuredEngine(await LogEngine.open(folder, { clock, onFailure: () => {} }), clock);
    const write = engine.writeAhead?.('a', null, () => '1');
    expect(engine.writeAhead?.('a', null, () => '2')).toBeUndefined();
    expect(engine.calls.write_ahead?.outcomes.size).toBe(0);
    write?.flush();
    expect(await write?.ended).toEqual({ kind: 'ok', token: write?.token });
    expect(engine.calls.write_ahead?.outcomes.get('ok')).toBe(1);
    expect(new MeasuredEngine(new MemoryEngine(), clock).writeAhead).toBeUndefined();
  });
});

describe('latencies', () => {
  it('count a bound into its own bucket', () => {
    const latencies = new Latencies();
    latencies.record(1);
    latencies.record(1.001);
    expect(latencies.cumulative().slice(0, 3)).toEqual([0, 1, 2]);
    expect(latencies.cumulative().at(-1)).toBe(2);
  });
});
