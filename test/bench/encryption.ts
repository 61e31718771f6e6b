/** (p) What `--encryption-key` costs an operation: two services on folders, asked in turn. */

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServiceProcess } from '../support/service-process.ts';
import type { Section } from './measure.ts';
import { CLIENTS, compareServices } from './measured-service.ts';

const CPU_RATIO_MAX = 1.1;
const SPEED_RATIO_MIN = 0.8;

export async function benchEncryption(): Promise<readonly Section[]> {
  const folder = mkdtempSync(join(tmpdir(), 'snowstorm-bench-'));
  try {
    const key = join(folder, 'key');
    writeFileSync(key, randomBytes(32).toString('hex'));
    const plain = await ServiceProcess.start(['--store', join(folder, 'plain')]);
    const other = await ServiceProcess.start(['--store', join(folder, 'encrypted'), '--encryption-key', key]);
    const against = await compareServices({ plain, other }, 'redeem', 'without a key');
    await Promise.all([plain.stop(), other.stop()]);
    const figures = [
      against('redemptions, encrypted', '/s', 'perSecond', { of: 'ratio', atLeast: SPEED_RATIO_MIN }),
      against('CPU of an encrypted redemption', 'ms', 'cpuMs', { of: 'ratio', atMost: CPU_RATIO_MAX }),
    ];
    return [{ title: `(p) encryption, ${CLIENTS} clients`, figures }];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
