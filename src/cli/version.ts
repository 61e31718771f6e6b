/** The version of this build and the packages that it was made with, from package.json. */

import { dependencies, devDependencies, version } from '../../package.json';

export const VERSION: string = version;

/** The exact versions by the names of the packages. */
export const PACKAGES: Readonly<Record<string, string>> = { ...dependencies, ...devDependencies };
