/** Real nodes in this process, on virtual time: the code that `bin/maelstrom-node` runs, without the process. */

import { MemoryReservation } from '../../src/ids/reservation.ts';
import { Node } from '../../src/node/node.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import type { Bed, NodeEvents, NodeHandle } from '../../src/simulator/bed.ts';
import { startWorkloads } from '../../src/workloads/registry.ts';
import type { Workload, WorkloadPorts } from '../../src/workloads/workload.ts';
import type { VirtualTime } from './virtual-time.ts';

const START_MS = 1_800_000_000_000;

export function memoryPorts(): WorkloadPorts {
  return { openReservation: async () => new MemoryReservation(), idLimits: {} };
}

export class InProcessBed implements Bed {
  readonly nodes: Node[] = [];
  readonly logged: string[] = [];
  readonly #time: VirtualTime;
  readonly #workloads: readonly Workload[];

  constructor(time: VirtualTime, workloads: readonly Workload[]) {
    this.#time = time;
    this.#workloads = workloads;
  }

  startNode(nodeId: string, events: NodeEvents): NodeHandle {
    const time = this.#time;
    const random = new SeededRandom(nodeId);
    let alive = true;
    const whileAlive = (act: () => void) => () => {
      if (alive) act();
    };
    const log = (message: string) => this.logged.push(`${nodeId}: ${message}`);
    const node = new Node(
      {
        clock: { wallMs: () => START_MS + Math.floor(time.now()), monotonicMs: () => time.now() },
        randomUint32: () => random.uint32(),
        setTimer: (delayMs, callback) => time.schedule(delayMs, whileAlive(callback)),
        transmit: (line) =>
          time.schedule(
            0,
            whileAlive(() => events.onLine(line)),
          ),
        log: { debug: () => {}, info: () => {}, warn: log, error: log },
        crash: (error) => events.onExit(error.message),
      },
      startWorkloads(memoryPorts(), this.#workloads),
    );
    this.nodes.push(node);
    return {
      deliver: (line) =>
        time.schedule(
          0,
          whileAlive(() => node.receiveLine(line)),
        ),
      kill: async () => {
        alive = false;
        node.stop('the run is over');
      },
    };
  }
}
