/**
 * Smaller versions of a recorded run, where removing things needs care: nodes and workers have numbers, and all
 * references must change with them. Nothing here knows whether the smaller run still fails.
 *
 * Node ids stay the same. Worker `w` talks to node `w mod nodes`, and its first client is `c<nodes + w>`: the clients
 * before sent `init`. Later clients get their numbers during the run, so the new numbers in their fates are a guess.
 */

import { type GrudgeRecord, grudgePairs, type Link, type NodeFaultEvent } from '../harness/fault.ts';
import type { OperationEvent } from '../harness/operations.ts';
import type { RunOptions } from '../harness/run-options.ts';
import type { Schedule } from '../harness/schedule.ts';
import { clientNumber } from '../protocol/client-id.ts';

/** `options` are those without a schedule. */
export interface RecordedRun {
  readonly options: RunOptions;
  readonly schedule: Schedule;
}

export function withSchedule(run: RecordedRun, change: Partial<Schedule>): RecordedRun {
  return { ...run, schedule: { ...run.schedule, ...change } };
}

/** The run with only some of its limits. */
export function withLimits(run: RecordedRun, kept: readonly (readonly [string, number])[]): RecordedRun {
  const { nodeLimits: _, ...options } = run.options;
  return { ...run, options: kept.length === 0 ? options : { ...options, nodeLimits: Object.fromEntries(kept) } };
}

/** Only what begins before `timeLimitMs`. Fates stay, because it is unknown when they are met. */
export function withTimeLimit(run: RecordedRun, timeLimitMs: number): RecordedRun {
  const inTime = ({ atMs }: { readonly atMs: number }) => atMs < timeLimitMs;
  const { operations, faults } = run.schedule;
  const cut = withSchedule(withOperations(run, operations.filter(inTime)), { faults: faults.filter(inTime) });
  return { ...cut, options: { ...cut.options, timeLimitMs } };
}

/**
 * The run with only some of its operations. A fate is identified by the number of its message on a link. So the fates
 * of a client's messages move with them, if each operation is one request and its reply.
 *
 * @param kept some of the run's own events, in their order
 */
export function withOperations(run: RecordedRun, kept: readonly OperationEvent[]): RecordedRun {
  const { operations, messages } = run.schedule;
  if (messages.length === 0 || kept.length === operations.length) return withSchedule(run, { operations: kept });
  const before = numberMessages(run, operations);
  const after = numberMessages(run, kept);
  const moved = messages.flatMap((event) => {
    const sender = before.get(linkOf(event))?.[event.nth];
    if (sender === undefined) return event;
    const numbers = after.get(linkOf(event)) ?? [];
    const nth = numbers.findIndex((each) => each.operation === sender.operation && each.copy === sender.copy);
    return nth < 0 ? [] : { ...event, nth };
  });
  return withSchedule(run, { operations: kept, messages: moved });
}

interface Numbered {
  readonly operation: OperationEvent;
  /** 1 for the second of two replies to a duplicated request. */
  readonly copy: number;
}

/** The messages of each link between a client and its node, in the order of their numbers. */
function numberMessages({ options, schedule }: RecordedRun, kept: readonly OperationEvent[]): Map<string, Numbered[]> {
  const fates = new Map(schedule.messages.map((event) => [`${linkOf(event)} ${event.nth}`, event.fault]));
  const requestCounts = new Map<string, number>();
  const keptSet = new Set(kept);
  const links = new Map<string, Numbered[]>();
  const add = (link: string, numbered: Numbered) => {
    const list = links.get(link);
    if (list === undefined) links.set(link, [numbered]);
    else list.push(numbered);
  };
  for (const operation of schedule.operations) {
    const client = clientOf(options, operation.worker);
    const node = nodeOf(options, operation.worker);
    const request = `${client} ${node}`;
    // The fate has the number of the request in the whole run.
    const nth = requestCounts.get(request) ?? 0;
    requestCounts.set(request, nth + 1);
    if (!keptSet.has(operation)) continue;
    add(request, { operation, copy: 0 });
    const fate = fates.get(`${request} ${nth}`);
    const answers = fate === 'loss' ? 0 : fate === 'duplication' ? 2 : 1;
    for (let copy = 0; copy < answers; copy++) add(`${node} ${client}`, { operation, copy });
  }
  return links;
}

/** The run without a node, its workers and all their events; undefined if nothing would be left. */
export function withoutNode(run: RecordedRun, nodeId: string): RecordedRun | undefined {
  const { nodes, concurrency } = run.options;
  const remaining = nodes.filter((node) => node !== nodeId);
  const nodeIndex = nodes.indexOf(nodeId);
  const workerMap = new Map<number, number>();
  for (let worker = 0; worker < concurrency; worker++) {
    const index = worker % nodes.length;
    if (index === nodeIndex) continue;
    const round = Math.floor(worker / nodes.length);
    workerMap.set(worker, round * remaining.length + (index > nodeIndex ? index - 1 : index));
  }
  if (workerMap.size === 0) return undefined;
  const { faults, messages } = run.schedule;
  return withWorkers(
    withSchedule(run, {
      faults: faults.flatMap((event) => withoutVictim(event, nodeId) ?? []),
      messages: messages.filter(({ src, dest }) => src !== nodeId && dest !== nodeId),
    }),
    { nodes: remaining, concurrency: workerMap.size, workerMap },
  );
}

/** The run without idle workers. Each worker stays with its node. */
export function withBusyWorkersOnly(run: RecordedRun): RecordedRun {
  const { nodes } = run.options;
  const workerMap = new Map<number, number>();
  const rounds = new Map<number, number>();
  for (const worker of [...new Set(run.schedule.operations.map((event) => event.worker))].sort((a, b) => a - b)) {
    const index = worker % nodes.length;
    const round = rounds.get(index) ?? 0;
    rounds.set(index, round + 1);
    workerMap.set(worker, round * nodes.length + index);
  }
  return withWorkers(run, { nodes, concurrency: Math.max(0, ...workerMap.values()) + 1, workerMap });
}

/** The run with one worker for each node, which does the work of all of them. */
export function withOneWorkerEach(run: RecordedRun): RecordedRun {
  const { nodes, concurrency } = run.options;
  const workers = Array.from({ length: concurrency }, (_, worker) => worker);
  const workerMap = new Map(workers.map((worker) => [worker, worker % nodes.length]));
  return withWorkers(run, { nodes, concurrency: Math.min(concurrency, nodes.length), workerMap });
}

interface Workers {
  readonly nodes: readonly string[];
  readonly concurrency: number;
  /** The new number of each worker that stays. */
  readonly workerMap: ReadonlyMap<number, number>;
}

function withWorkers(run: RecordedRun, { nodes, concurrency, workerMap }: Workers): RecordedRun {
  const { options, schedule } = run;
  const laterClients = nodes.length + concurrency - options.nodes.length - options.concurrency;
  const renumber = (id: string): string | undefined => {
    const number = clientNumber(id);
    if (number === undefined) return id;
    const worker = number - options.nodes.length;
    if (worker >= options.concurrency) return `c${number + laterClients}`;
    const renumbered = workerMap.get(worker);
    return renumbered === undefined ? undefined : `c${nodes.length + renumbered}`;
  };
  return {
    options: { ...options, nodes, concurrency },
    schedule: {
      operations: schedule.operations.flatMap((event) => {
        const worker = workerMap.get(event.worker);
        return worker === undefined ? [] : { ...event, worker };
      }),
      faults: schedule.faults,
      messages: schedule.messages.flatMap((event) => {
        const src = renumber(event.src);
        const dest = renumber(event.dest);
        return src === undefined || dest === undefined ? [] : { ...event, src, dest };
      }),
    },
  };
}

/** The fault without its effect on one node; undefined if it has no other effect. */
function withoutVictim(event: NodeFaultEvent, nodeId: string): NodeFaultEvent | undefined {
  if ('grudge' in event) {
    const pairs = grudgePairs(event.grudge).filter(({ src, dest }) => src !== nodeId && dest !== nodeId);
    return pairs.length === 0 ? undefined : withGrudge(event, pairs);
  }
  const nodes = event.nodes.filter((node) => node !== nodeId);
  return nodes.length === 0 ? undefined : { ...event, nodes };
}

export type CutEvent = Extract<NodeFaultEvent, { readonly grudge: GrudgeRecord }>;

const PART = 'part of ';

/** The cut with only some of its pairs. The name of its shape then says that. */
export function withGrudge(event: CutEvent, pairs: readonly Link[]): CutEvent {
  const grudge = new Map<string, string[]>();
  for (const { src, dest } of pairs) grudge.set(dest, [...(grudge.get(dest) ?? []), src]);
  const whole = pairs.length === grudgePairs(event.grudge).length;
  const shape = whole || event.shape.startsWith(PART) ? event.shape : `${PART}${event.shape}`;
  return { ...event, shape, grudge: Object.fromEntries(grudge) };
}

/** The name of a worker's first client. */
export function clientOf({ nodes }: Pick<RunOptions, 'nodes'>, worker: number): string {
  return `c${nodes.length + worker}`;
}

export function nodeOf({ nodes }: Pick<RunOptions, 'nodes'>, worker: number): string {
  return nodes[worker % nodes.length] as string;
}

function linkOf({ src, dest }: Link): string {
  return `${src} ${dest}`;
}
