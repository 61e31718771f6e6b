/** (o) What `--audit` costs an operation: two services on folders, asked in turn. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Kind } from '../support/service-load.ts';
import { ServiceProcess } from '../support/service-process.ts';
import type { Figure, Goal, Section } from './measure.ts';
import { CLIENTS, compareServices } from './measured-service.ts';

/** Of CPU, and of calls of the store. */
const GOAL: Goal = { of: 'ratio', atMost: 1.1 };

const KINDS: readonly { readonly kind: Kind; readonly name: string }[] = [
  { kind: 'redeem', name: 'redemption' },
  { kind: 'transfer', name: 'transfer' },
];

export async function benchAudit(): Promise<readonly Section[]> {
  const folder = mkdtempSync(join(tmpdir(), 'snowstorm-bench-'));
  try {
    const plain = await ServiceProcess.start(['--store', join(folder, 'plain')]);
    const other = await ServiceProcess.start(['--store', join(folder, 'audited'), '--audit']);
    const figures: Figure[] = [];
    for (const { kind, name } of KINDS) {
      const against = await compareServices({ plain, other }, kind, 'without --audit');
      figures.push(
        against(`CPU of an audited ${name}`, 'ms', 'cpuMs', GOAL),
        against(`calls of the store of an audited ${name}`, '', 'calls', GOAL),
      );
    }
    await Promise.all([plain.stop(), other.stop()]);
    return [{ title: `(o) audit, ${CLIENTS} clients`, figures }];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
