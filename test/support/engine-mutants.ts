/** `snowstorm serve` with engines that are wrong, as programs: one bundle, and an executable file for each of them. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { EtcdMutantName } from '../fixtures/mutants/engines/etcd.ts';
import type { FolderMutantName } from '../fixtures/mutants/engines/folder.ts';
import type { RetentionProgramName } from '../fixtures/mutants/engines/retention.ts';

export type EngineMutantName = EtcdMutantName | FolderMutantName | RetentionProgramName | 'right' | 'short-grace';

/** Builds them in a folder. Returns where each is: what `--bin` takes. */
export async function buildEngineMutants(folder: string): Promise<(name: EngineMutantName) => string> {
  const bundle = join(folder, 'engines.cjs');
  await build({
    entryPoints: [fileURLToPath(new URL('../fixtures/mutants/engines/main.ts', import.meta.url))],
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    minifySyntax: true,
    outfile: bundle,
    logLevel: 'warning',
  });
  return (name) => {
    const file = join(folder, name);
    const text = `process.argv.splice(2, 0, ${JSON.stringify(name)});\nrequire(${JSON.stringify(bundle)});\n`;
    writeFileSync(file, `#!/usr/bin/env node\n${text}`, { mode: 0o755 });
    return file;
  };
}
