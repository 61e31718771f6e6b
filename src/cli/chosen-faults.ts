/** The faults of `--nemesis`: which of them this workload and these nodes can suffer. */

import {
  FAULTS,
  type Fault,
  isEngineFault,
  isMessageFault,
  NODES_OF_LOSS_MIN,
  needsMachine,
} from '../harness/fault.ts';
import { MESSAGE_FAULT_RATE_DEFAULT } from '../harness/fault-plan.ts';
import type { RunOptions } from '../harness/run-options.ts';
import type { WorkloadTest } from '../harness/workload-test.ts';
import type { TestedWorkload, Workload } from '../workloads/workload.ts';
import type { Deployment } from './deployment-options.ts';
import { exceedOne, type Option, parseNumber, parseOneOf, UsageError, wrapList } from './options.ts';

/** A fault of the command line. */
export interface ChosenFault {
  readonly fault: Fault | 'all';
  /** Mean interval in ms, or the probability of a message fault; undefined: the default. */
  readonly value: number | undefined;
}

/** The least number of nodes for a fault; 1 for faults that are not listed. */
const FAULT_NODES_MIN: Readonly<Partial<Record<Fault, number>>> = { partition: 2, 'one-way': 2, bridge: 3 };

function parseFaults(text: string): readonly ChosenFault[] {
  return text.split(/\s*,\s*/).map((part) => {
    const [name = '', value, ...more] = part.split('=');
    const fault = parseOneOf([...FAULTS, 'all' as const])(name);
    if (value === undefined) return { fault, value: undefined };
    if (fault === 'all' || more.length > 0) throw new Error(`expected NAME or NAME=N, not ${part}`);
    if (isMessageFault(fault)) return { fault, value: parseNumber(0, 1)(value) };
    return { fault, value: parseNumber(Number.MIN_VALUE)(value) * 1000 };
  });
}

/** Where the nodes of a test live, as far as faults depend on it. */
export interface Ground {
  readonly nodeCount: number;
  /** `services`: instances over HTTP. */
  readonly bed: 'simulated' | 'processes' | Deployment;
  readonly survivesDiskLoss: WorkloadTest['survivesDiskLoss'];
  /** What the nodes promise to survive; absent: everything else. `all` means no other faults. */
  readonly survives?: readonly Fault[] | undefined;
}

/** The promises of a workload and its nodes about faults. */
export function promisesOf(workload: TestedWorkload | Workload): Pick<Ground, 'survivesDiskLoss' | 'survives'> {
  const survives = 'survives' in workload ? workload.survives : undefined;
  return { survivesDiskLoss: workload.test.survivesDiskLoss, survives };
}

/**
 * The faults of `--nemesis`, as far as this workload and these nodes can suffer them. Throws a {@link UsageError} for a
 * named fault that they cannot suffer.
 */
export function interpretFaults(
  chosen: readonly ChosenFault[],
  ground: Ground,
): Pick<RunOptions, 'faults' | 'faultValues'> {
  const obstacle = (fault: Fault) => findObstacle(fault, ground);
  const faults = new Set<Fault>();
  const faultValues: Partial<Record<Fault, number>> = {};
  for (const { fault, value } of chosen) {
    if (fault === 'all') {
      const promised = FAULTS.filter((each) => ground.survives?.includes(each) ?? true);
      for (const each of promised) if (obstacle(each) === undefined) faults.add(each);
      continue;
    }
    const reason = obstacle(fault);
    if (reason !== undefined) throw new UsageError(`--nemesis ${fault} ${reason}`);
    faults.add(fault);
    if (value !== undefined) faultValues[fault] = value;
  }
  refuseSurplus([...faults], faultValues);
  return { faults: FAULTS.filter((fault) => faults.has(fault)), faultValues };
}

/** Why a fault cannot be injected, as the end of a sentence. */
export function findObstacle(fault: Fault, { nodeCount, bed, survivesDiskLoss }: Ground): string | undefined {
  if (typeof bed === 'object') return findObstacleOfServices(fault, bed);
  if (isEngineFault(fault)) return 'is a fault of the store under services; it needs --serve N --engine etcd:3';
  const nodesMin = FAULT_NODES_MIN[fault] ?? 1;
  if (nodeCount < nodesMin) return nodesMin === 2 ? 'needs at least two nodes' : `needs at least ${nodesMin} nodes`;
  if (bed === 'processes' && needsMachine(fault)) return 'needs a simulated node; leave out --bin';
  if (fault !== 'disk-loss') return undefined;
  if (!survivesDiskLoss) return 'is a fault that this workload does not claim to survive';
  if (survivesDiskLoss === 'one-at-a-time' && nodeCount < NODES_OF_LOSS_MIN)
    return `needs at least ${NODES_OF_LOSS_MIN} nodes`;
  return undefined;
}

function findObstacleOfServices(fault: Fault, deployment: Deployment): string | undefined {
  // A refused connection proves that nothing was sent, but not that a second copy is refused, too.
  if (fault === 'duplication') return 'sends requests twice, and a connection of HTTP does not';
  if (isMessageFault(fault)) return undefined;
  if (needsMachine(fault)) return 'needs a simulated node; leave out --serve and --url';
  if (deployment.kind === 'external') return 'needs instances that the test has started: --serve N';
  if (fault === 'partition' || fault === 'bridge' || fault === 'one-way')
    return 'cuts nodes from each other, but instances do not talk to each other; see engine-partition and service-cut';
  const { engine } = deployment;
  if (fault === 'pause') return undefined;
  if (fault === 'kill' || fault === 'kill-all')
    return engine.text === 'memory' ? 'would lose everything: --engine memory keeps nothing' : undefined;
  if (engine.kind === 'started')
    return fault === 'engine-partition' && engine.memberCount === 1 ? 'needs at least 3 members' : undefined;
  if (!engine.store.isEtcd || isFaultOfMembers(fault))
    return 'needs an etcd that the test has started: --engine etcd:3';
  return engine.store.usesTls ? 'needs an etcd without TLS: its connections pass a relay' : undefined;
}

/** Whether it hits members of the engine, and not only links to them. */
function isFaultOfMembers(fault: Fault): boolean {
  return isEngineFault(fault) && fault !== 'link-delay' && fault !== 'link-reset';
}

/**
 * A message meets one fate at most. With a sum above 1 the last faults would be rarer than requested, unnoticed.
 */
function refuseSurplus(faults: readonly Fault[], faultValues: Readonly<Partial<Record<Fault, number>>>): void {
  const rates = faults
    .filter(isMessageFault)
    .map((fault) => ({ fault, rate: faultValues[fault] ?? MESSAGE_FAULT_RATE_DEFAULT }));
  if (!exceedOne(rates.map(({ rate }) => rate))) return;
  const list = rates.map(({ fault, rate }) => `${fault} (${rate})`).join(', ');
  throw new UsageError(`--nemesis: the probabilities of ${list} add up to more than 1`);
}

export const nemesisOption: Option<readonly ChosenFault[]> = {
  value: 'FAULTS',
  text: `Faults to inject, separated by commas:
${wrapList([...FAULTS, 'all'])}.
NAME=N: mean interval in seconds; for ${FAULTS.filter(isMessageFault).join(', ')} a probability
(default ${MESSAGE_FAULT_RATE_DEFAULT}). Faults of disks and clocks need simulated nodes; engine-… and link-…
need --serve with an etcd. all: those that these nodes can suffer. Default: none.`,
  absent: [],
  parse: parseFaults,
};
