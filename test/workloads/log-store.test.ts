/**
 * Vouchers and transfers on the engine that keeps a log: one node, with the log on its machine's disk. It is killed,
 * and the power fails, and the checkers of the workloads find nothing.
 */

import { describe, expect, it } from 'vitest';
import { createSettle } from '../../src/host/settle.ts';
import { FolderReservation } from '../../src/ids/folder-reservation.ts';
import { LogEngine } from '../../src/kv/log/log-engine.ts';
import type { Folder } from '../../src/protocol/folder.ts';
import type { Subject } from '../../src/simulator/simulation.ts';
import { startWorkloads } from '../../src/workloads/nodes.ts';
import { saga } from '../../src/workloads/saga/workload.ts';
import { voucher } from '../../src/workloads/voucher/workload.ts';
import type { Workload } from '../../src/workloads/workload.ts';
import { findFailure } from '../support/find-failure.ts';

const SEEDS = 12;
const OPTIONS = {
  nodes: ['n0'],
  concurrency: 8,
  timeLimitMs: 8000,
  faults: ['kill', 'disk-unsynced', 'disk-torn', 'pause'],
  nemesisIntervalMs: 1000,
} as const;

/** A workload whose nodes keep their data in a log in their folders. */
function onLog(workload: Workload, engines: LogEngine[], alter: (folder: Folder) => Folder = (same) => same): Subject {
  return {
    name: workload.name,
    test: workload.test,
    startHandlers:
      ({ folder, limits }) =>
      (context) => {
        const openStore = async () => {
          const engine = await LogEngine.open(alter(folder), {
            clock: context.clock,
            onFailure: (error) => {
              throw error;
            },
            snapshotBytesMin: 5000,
            snapshotFactor: 1,
          });
          engines.push(engine);
          return engine;
        };
        const openReservation = () => FolderReservation.open(folder, context.nodeId);
        return startWorkloads({ openStore, openReservation, idLimits: {}, limits }, [workload])(context);
      },
  };
}

describe.each([voucher, saga])('$name on a log', (workload) => {
  it(`is valid with ${SEEDS} seeds of kills and power failures`, async () => {
    const engines: LogEngine[] = [];
    const context = { subject: onLog(workload, engines), settle: createSettle() };
    expect(await findFailure(context, 1, SEEDS, OPTIONS)).toBeUndefined();
    const sum = (figure: string) => engines.reduce((total, engine) => total + (engine.figures()[figure] as number), 0);
    expect(engines.length).toBeGreaterThan(SEEDS * 3);
    expect(sum('snapshots')).toBeGreaterThan(SEEDS);
    expect(sum('writes')).toBeGreaterThan(SEEDS * 100);
  });

  it('is not when the log is not synced', async () => {
    const unsynced = (folder: Folder): Folder =>
      new Proxy(folder, {
        get: (_, operation: keyof Folder) => (operation === 'sync' ? async () => {} : folder[operation].bind(folder)),
      });
    const engines: LogEngine[] = [];
    const context = { subject: onLog(workload, engines, unsynced), settle: createSettle() };
    expect(await findFailure(context, 1, SEEDS, OPTIONS)).toBeDefined();
  });
});
