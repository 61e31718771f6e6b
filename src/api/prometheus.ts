/** The text format of Prometheus, version 0.0.4: `name{label="value"} number`, a line each. */

import type { MetricsReply } from '../node/status.ts';
import { type HttpFigures, LATENCY_BOUNDS_S, type Latencies } from './figures.ts';
import type { CallFigures } from './measured-engine.ts';

type Labels = Readonly<Record<string, string | number>>;
type Kind = 'counter' | 'gauge' | 'histogram';

export interface InstanceFigures {
  readonly instance: string;
  readonly version: string;
  readonly store: string;
  readonly ready: boolean;
  readonly http: HttpFigures;
  readonly connections: number;
  readonly inFlight: number;
  readonly bodyBytesHeld: number;
  readonly node: MetricsReply;
  readonly storeCalls: Readonly<Record<string, CallFigures>>;
  readonly engine: Readonly<Record<string, number>>;
  readonly process: { readonly residentBytes: number; readonly heapBytes: number; readonly cpuSeconds: number };
}

class Page {
  #text = '';

  /** Begins a family. Its lines follow. */
  family(name: string, kind: Kind, help: string): (value: number, labels?: Labels, suffix?: string) => void {
    this.#text += `# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n`;
    return (value, labels = {}, suffix = '') => {
      this.#text += `${name}${suffix}${labelsText(labels)} ${value}\n`;
    };
  }

  single(name: string, kind: Kind, help: string, value: number, labels: Labels = {}): void {
    this.family(name, kind, help)(value, labels);
  }

  histogram(name: string, help: string, rows: Iterable<readonly [Labels, Latencies]>): void {
    const line = this.family(name, 'histogram', help);
    for (const [labels, latencies] of rows) {
      const counts = latencies.cumulative();
      for (const [index, count] of counts.entries())
        line(count, { ...labels, le: LATENCY_BOUNDS_S[index] ?? '+Inf' }, '_bucket');
      line(latencies.sumSeconds, labels, '_sum');
      line(counts.at(-1) as number, labels, '_count');
    }
  }

  toString(): string {
    return this.#text;
  }
}

function labelsText(labels: Labels): string {
  const entries = Object.entries(labels);
  if (entries.length === 0) return '';
  const escaped = (value: string | number) =>
    String(value).replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
  return `{${entries.map(([name, value]) => `${name}="${escaped(value)}"`).join(',')}}`;
}

/** A part and a figure as one name: `saga index`, `in-flight` make `saga_index_in_flight`. */
function metricName(...words: readonly string[]): string {
  return `snowstorm_${words.join('_').replaceAll(/\W+/g, '_')}`;
}

export function encodeMetrics(figures: InstanceFigures): string {
  const page = new Page();
  const { instance, version, store, process } = figures;
  page.single('snowstorm_info', 'gauge', 'Which instance this is.', 1, { instance, version, store });
  page.single('snowstorm_ready', 'gauge', '1 if the instance serves.', Number(figures.ready));
  page.single('snowstorm_uptime_seconds', 'gauge', 'Since the node started.', figures.node.uptime_ms / 1000);
  addHttp(page, figures);
  addNode(page, figures.node);
  addStore(page, figures);
  page.single('process_resident_memory_bytes', 'gauge', 'Resident memory.', process.residentBytes);
  page.single('nodejs_heap_size_used_bytes', 'gauge', 'Used heap.', process.heapBytes);
  page.single('process_cpu_seconds_total', 'counter', 'User and system time.', process.cpuSeconds);
  return page.toString();
}

function addHttp(page: Page, { http, connections, inFlight, bodyBytesHeld }: InstanceFigures): void {
  const requests = page.family('snowstorm_http_requests_total', 'counter', 'Requests by route and status.');
  for (const { method, route, statuses } of http)
    for (const [status, count] of statuses) requests(count, { method, route, status });
  page.histogram(
    'snowstorm_http_request_duration_seconds',
    'From the headers of a request to its answer.',
    [...http].map(({ method, route, latencies }) => [{ method, route }, latencies] as const),
  );
  page.single('snowstorm_http_connections', 'gauge', 'Open connections.', connections);
  page.single('snowstorm_http_requests_in_flight', 'gauge', 'Requests not answered yet.', inFlight);
  page.single('snowstorm_http_body_bytes_held', 'gauge', 'Of bodies that are being received.', bodyBytesHeld);
}

function addNode(page: Page, { requests, in_flight, parts }: MetricsReply): void {
  const messages = page.family('snowstorm_node_requests_total', 'counter', 'Messages by type and error code.');
  for (const [type, { ok, errors }] of Object.entries(requests)) {
    messages(ok, { type, outcome: 'ok' });
    for (const [code, count] of Object.entries(errors)) messages(count, { type, outcome: 'error', code });
  }
  page.single('snowstorm_node_requests_in_flight', 'gauge', 'Messages that the node works on.', in_flight);
  for (const [part, figures] of Object.entries(parts))
    for (const [figure, value] of Object.entries(figures))
      page.single(metricName(part, figure), 'gauge', `What the part ${part} of the node reports.`, value);
}

function addStore(page: Page, { storeCalls, engine }: InstanceFigures): void {
  const calls = page.family('snowstorm_store_calls_total', 'counter', 'Calls of the store by outcome.');
  for (const [call, { outcomes }] of Object.entries(storeCalls))
    for (const [outcome, count] of outcomes) calls(count, { call, outcome });
  page.histogram(
    'snowstorm_store_call_duration_seconds',
    'How long calls of the store took.',
    Object.entries(storeCalls).map(([call, { latencies }]) => [{ call }, latencies] as const),
  );
  for (const [figure, value] of Object.entries(engine))
    page.single(metricName('engine', figure), 'gauge', 'What the engine of the store reports.', value);
}
