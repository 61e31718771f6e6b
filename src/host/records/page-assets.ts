/** The style and the script of reports, which `make build` puts beside the programs. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PageAssets } from '../../report/page.ts';

/** @param folder where the bundles are; by default beside the program that runs */
export function readPageAssets(folder: string = __dirname): PageAssets {
  const read = (name: string) => readFileSync(join(folder, name), 'utf8').trimEnd();
  return { style: read('page.css'), script: read('page.js') };
}
