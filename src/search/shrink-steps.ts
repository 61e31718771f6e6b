/**
 * The steps of shrinking: what may be removed from a failing run, or made simpler. Each tries candidates on the search,
 * which keeps those that fail. Each candidate has fewer events than its origin, or smaller numbers.
 */

import {
  type ClockFault,
  type Fault,
  grudgePairs,
  KILL_FAULTS,
  type KillFault,
  type MessageEvent,
  type NodeFaultEvent,
} from '../harness/fault.ts';
import type { Schedule } from '../harness/schedule.ts';
import { ddmin } from './delta-debugging.ts';
import type { ShrinkSearch } from './shrink-search.ts';
import {
  type RecordedRun,
  withBusyWorkersOnly,
  withGrudge,
  withLimits,
  withOneWorkerEach,
  withOperations,
  withoutNode,
  withSchedule,
  withTimeLimit,
} from './smaller-runs.ts';

/** How long a run may continue after the last event: a moment, or until a client stops waiting. */
const REMAINDERS_MS = [1, 10, 100, 1000, 5001, 10_001];
const ROUND_MS = [1000, 100, 10, 1];

/** Ends the run just after its failure, by bisection over the times at which something begins. */
export async function shortenTime(search: ShrinkSearch): Promise<void> {
  const { timeLimitMs } = search.best.options;
  const run = search.best;
  const moments = momentsOf(run);
  let low = 0;
  let high = moments.length;
  while (low < high && !search.over) {
    const middle = Math.floor((low + high) / 2);
    const limitMs = Math.floor(moments[middle] as number) + 1;
    if (limitMs >= timeLimitMs || (await search.accept(withTimeLimit(run, limitMs)))) high = middle;
    else low = middle + 1;
  }
  await search.acceptFirst(endings(search.best));
}

/** The run with the same events and an earlier end. */
function* endings(run: RecordedRun): Iterable<RecordedRun> {
  const { faults } = run.schedule;
  const lastMs = momentsOf(run).at(-1) ?? 0;
  const limits = REMAINDERS_MS.map((remainderMs) => Math.floor(lastMs + remainderMs));
  const endsMs = faults.map(({ atMs, durationMs }) => Math.floor(atMs + durationMs) + 1);
  for (const limitMs of [...limits, ...endsMs].sort((one, other) => one - other)) {
    if (limitMs > lastMs && limitMs < run.options.timeLimitMs) yield withTimeLimit(run, limitMs);
  }
}

/** Removes faults, then the fates of messages, then operations. */
export async function removeEvents(search: ShrinkSearch): Promise<void> {
  const over = () => search.over;
  const { faults } = search.best.schedule;
  await ddmin(faults, (kept) => search.accept(withSchedule(search.best, { faults: kept })), over);
  const { messages } = search.best.schedule;
  await ddmin(messages, (kept) => search.accept(withSchedule(search.best, { messages: kept })), over);
  // Before the operations: otherwise those of a recovery would fail in their place.
  const left = kindsOf(search.best.schedule);
  if (search.best.options.faults.some((fault) => !left.has(fault)))
    await search.accept({ ...search.best, options: { ...search.best.options, faults: [...left] } });
  // Fates get new numbers from those of the whole run: only the whole run knows all its operations.
  const run = search.best;
  await ddmin(run.schedule.operations, (kept) => search.accept(withOperations(run, kept)), over);
}

/** The kinds of faults in a schedule. */
export function kindsOf({ faults, messages }: Schedule): ReadonlySet<Fault> {
  return new Set([...faults, ...messages].map(({ fault }) => fault));
}

/** Removes nodes, from the last one on, and workers. */
export async function useFewer(search: ShrinkSearch): Promise<void> {
  for (const node of search.best.options.nodes.toReversed()) {
    const candidate = withoutNode(search.best, node);
    if (candidate !== undefined) await search.accept(candidate);
  }
  for (const pack of [withOneWorkerEach, withBusyWorkersOnly]) {
    const candidate = pack(search.best);
    if (candidate.options.concurrency < search.best.options.concurrency) await search.accept(candidate);
  }
}

/** Takes away limits of the nodes: with the usual ones a failure is easier to understand. */
export async function liftLimits(search: ShrinkSearch): Promise<void> {
  const limits = Object.entries(search.best.options.nodeLimits ?? {});
  await ddmin(
    limits,
    (kept) => search.accept(withLimits(search.best, kept)),
    () => search.over,
  );
}

/** Makes everything simpler that is left. */
export async function simplify(search: ShrinkSearch): Promise<void> {
  const { options } = search.best;
  if (options.latencyMeanMs > 0) {
    const candidates = [0, ...rounderAmounts(options.latencyMeanMs)];
    await search.acceptFirst(
      candidates.map((latencyMeanMs) => ({ ...search.best, options: { ...options, latencyMeanMs } })),
    );
  }
  for (let index = 0; index < search.best.schedule.faults.length; index++) await simplifyFault(search, index);
  for (let index = 0; index < search.best.schedule.messages.length; index++) {
    const event = search.best.schedule.messages[index] as MessageEvent;
    const delays = rounderAmounts(event.delayMs ?? 0);
    await search.acceptFirst(
      delays.map((delayMs) =>
        withSchedule(search.best, { messages: search.best.schedule.messages.with(index, { ...event, delayMs }) }),
      ),
    );
  }
  await moveForward(search);
}

async function simplifyFault(search: ShrinkSearch, index: number): Promise<void> {
  const current = () => search.best.schedule.faults[index] as NodeFaultEvent;
  const accept = (event: NodeFaultEvent) =>
    search.accept(withSchedule(search.best, { faults: search.best.schedule.faults.with(index, event) }));
  const kill = asKill(current());
  if (kill !== undefined) await accept(kill);
  const event = current();
  const over = () => search.over;
  if ('grudge' in event) {
    await ddmin(
      grudgePairs(event.grudge),
      async (pairs) => pairs.length > 0 && (await accept(withGrudge(event, pairs))),
      over,
    );
  } else {
    await ddmin(event.nodes, async (nodes) => nodes.length > 0 && (await accept({ ...event, nodes })), over);
  }
  for (const plainer of plainerClocks(current())) if (await accept(plainer)) break;
  for (const durationMs of rounderAmounts(current().durationMs)) if (await accept({ ...current(), durationMs })) break;
}

/** A plain kill in place of a kill with damage or a wrong clock. */
function asKill(event: NodeFaultEvent): NodeFaultEvent | undefined {
  if (!isKill(event) || (event.fault === 'kill' && event.damage === undefined && event.clock === undefined)) return;
  const { atMs, durationMs, nodes } = event;
  return { atMs, durationMs, fault: 'kill', nodes };
}

function isKill(event: NodeFaultEvent): event is Extract<NodeFaultEvent, { readonly fault: KillFault }> {
  return (KILL_FAULTS as readonly string[]).includes(event.fault);
}

function plainerClocks(event: NodeFaultEvent): NodeFaultEvent[] {
  if (!('clock' in event) || event.clock?.wallOffsetMs === undefined) return [];
  const { clock } = event;
  const sign = Math.sign(event.clock.wallOffsetMs);
  const amountsMs = rounderAmounts(Math.abs(event.clock.wallOffsetMs));
  return amountsMs.map((amountMs) => withOffset(event, clock, sign * amountMs));
}

/** Lets everything begin earlier, and at round times: first all together, then each wait between two moments. */
async function moveForward(search: ShrinkSearch): Promise<void> {
  const run = search.best;
  const moved = [Number.POSITIVE_INFINITY, ...ROUND_MS]
    .filter((roundMs) => momentsOf(run).some((atMs) => floorTo(atMs, roundMs) < atMs))
    .map((roundMs) => withTimes(run, (atMs) => floorTo(atMs, roundMs)));
  await search.acceptFirst(moved);
  for (let position = 0; position < momentsOf(search.best).length && !search.over; ) {
    const moments = momentsOf(search.best);
    await search.acceptFirst(shorterWaits(search.best, moments, position));
    // If two moments became one, the next one is at the same index.
    if (momentsOf(search.best).length === moments.length) position++;
  }
}

function* shorterWaits(run: RecordedRun, moments: readonly number[], position: number): Iterable<RecordedRun> {
  const beforeMs = moments[position - 1] ?? 0;
  const fromMs = moments[position] as number;
  const waitMs = fromMs - beforeMs;
  if (waitMs === 0) return;
  for (const shorterMs of [0, ...rounderAmounts(waitMs)]) {
    const moved = withTimes(run, (atMs) => (atMs < fromMs ? atMs : withoutDust(atMs - waitMs + shorterMs)));
    yield moved;
    const faults = moved.schedule.faults.map((event) => lessOff(event, waitMs - shorterMs));
    // If a clock error equals the distance of two moments, it must change with them.
    if (faults.some((event, index) => event !== moved.schedule.faults[index])) yield withSchedule(moved, { faults });
  }
}

/** The fault with a smaller clock error. The same fault if that would be none, or if its error is of another kind. */
function lessOff(event: NodeFaultEvent, byMs: number): NodeFaultEvent {
  if (!('clock' in event) || event.clock?.wallOffsetMs === undefined) return event;
  const { clock } = event;
  const amountMs = withoutDust(Math.abs(event.clock.wallOffsetMs) - byMs);
  return amountMs > 0 ? withOffset(event, clock, Math.sign(event.clock.wallOffsetMs) * amountMs) : event;
}

function withOffset(event: NodeFaultEvent, clock: ClockFault, wallOffsetMs: number): NodeFaultEvent {
  return { ...event, clock: { ...clock, wallOffsetMs } } as NodeFaultEvent;
}

function withTimes(run: RecordedRun, move: (atMs: number) => number): RecordedRun {
  const { operations, faults } = run.schedule;
  return withSchedule(run, {
    operations: operations.map((event) => ({ ...event, atMs: move(event.atMs) })),
    faults: faults.map((event) => ({ ...event, atMs: move(event.atMs) })),
  });
}

/** The times at which something begins, each once. */
function momentsOf({ schedule }: RecordedRun): number[] {
  const times = [...schedule.operations, ...schedule.faults].map(({ atMs }) => atMs);
  return [...new Set(times)].sort((one, other) => one - other);
}

/**
 * Positive amounts that are rounder and smaller than this one: the powers of ten, then the amount without its last
 * digits.
 */
export function rounderAmounts(amount: number): number[] {
  const powers: number[] = [];
  for (let power = 1; power < amount && power <= Number.MAX_SAFE_INTEGER; power *= 10) powers.push(power);
  const floors = ROUND_MS.map((round) => floorTo(amount, round)).filter((floor) => floor > 0 && floor < amount);
  return [...new Set([...powers, ...floors])];
}

function floorTo(amount: number, round: number): number {
  return Number.isFinite(round) ? Math.floor(amount / round) * round : 0;
}

/** Without the rounding errors of added doubles beyond the nanoseconds. */
function withoutDust(timeMs: number): number {
  return Math.round(timeMs * 1e6) / 1e6;
}
