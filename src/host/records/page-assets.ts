/** The style and the script of reports. `make build` puts them beside the programs. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PageAssets } from '../../report/page.ts';

/** @param folder the folder of the bundles; by default that of the running program */
export function readPageAssets(folder: string = __dirname): PageAssets {
  const read = (name: string) => readFileSync(join(folder, name), 'utf8').trimEnd();
  return { style: read('page.css'), script: read('page.js') };
}
