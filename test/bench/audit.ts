/** (o) What `--audit` costs an operation: two services on folders, asked in turn. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Kind } from '../support/service-load.ts';
import { ServiceProcess } from '../support/service-process.ts';
import type { Figure, Section } from './measure.ts';
import { CLIENTS, type MeasuredService, measureServices } from './measured-service.ts';

const ROUNDS = 5;
/** With an audit, of CPU and of calls of the store. */
const RATIO_MAX = 1.1;

const KINDS: readonly { readonly kind: Kind; readonly name: string }[] = [
  { kind: 'redeem', name: 'redemption' },
  { kind: 'transfer', name: 'transfer' },
];

export async function benchAudit(): Promise<readonly Section[]> {
  const folder = mkdtempSync(join(tmpdir(), 'snowstorm-bench-'));
  try {
    const plain = await ServiceProcess.start(['--store', join(folder, 'plain')]);
    const audited = await ServiceProcess.start(['--store', join(folder, 'audited'), '--audit']);
    const figures: Figure[] = [];
    for (const { kind, name } of KINDS) {
      const rounds: { readonly without: MeasuredService; readonly withAudit: MeasuredService }[] = [];
      for (let round = 1; round <= ROUNDS; round++)
        rounds.push({
          without: await measureServices([plain], kind, round),
          withAudit: await measureServices([audited], kind, round),
        });
      const against = (title: string, unit: string, of: 'calls' | 'cpuMs'): Figure => ({
        name: `${title} of an audited ${name}`,
        input: 'on a folder',
        unit,
        values: rounds.map(({ withAudit }) => withAudit[of]),
        goal: { of: 'ratio', atMost: RATIO_MAX },
        yardstick: {
          name: 'without --audit',
          ratios: rounds.map(({ without, withAudit }) => withAudit[of] / without[of]),
        },
      });
      figures.push(against('CPU', 'ms', 'cpuMs'), against('calls of the store', '', 'calls'));
    }
    await Promise.all([plain.stop(), audited.stop()]);
    return [{ title: `(o) audit, ${CLIENTS} clients`, figures }];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
