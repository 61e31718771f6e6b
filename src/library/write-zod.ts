/**
 * A step of the build: puts zod into one file, once as a module and once as CommonJS, and writes beside them the file
 * for bundlers, which names zod's own package: of that a bundler takes only what is used.
 *
 * Half of zod is its messages in other languages. They stay in zod's package, and are loaded when one is asked for.
 *
 *     node --import tsx src/library/write-zod.ts dist/library
 */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';

const ENTRY = 'src/library/zod.ts';
const LOCALES = 'zod/locales';

const [, , target = 'dist/library'] = process.argv;

const lateLocales: Plugin = {
  name: 'late-locales',
  setup: ({ onLoad }) => {
    onLoad({ filter: /[/\\]zod[/\\]v4[/\\]locales[/\\]index\.js$/ }, ({ path }) => {
      const names = [...readFileSync(path, 'utf8').matchAll(/\{ default as (\w+) \}/g)].map(([, name]) => name);
      const all = Object.keys(createRequire(resolve(ENTRY))(LOCALES) as object);
      if (names.length === 0 || names.length !== all.length) throw new Error(`${path} is not the list of locales`);
      return {
        contents: names.map((name) => `export const ${name} = () => require('${LOCALES}').${name}();`).join('\n'),
      };
    });
  },
};

const COMMON: BuildOptions = {
  ...{ entryPoints: [ENTRY], bundle: true, platform: 'node', target: 'node20', logLevel: 'warning' },
  ...{ minifySyntax: true, minifyWhitespace: true },
};
const WHOLE: BuildOptions = { ...COMMON, external: [LOCALES], plugins: [lateLocales] };
/** A module has no `require` of its own. */
const REQUIRE = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

async function writeAll(): Promise<void> {
  await build({ ...WHOLE, format: 'esm', outfile: join(target, 'zod.mjs'), banner: { js: REQUIRE } });
  await build({ ...WHOLE, format: 'cjs', outfile: join(target, 'zod.cjs') });
  await build({ ...COMMON, format: 'esm', outfile: join(target, 'zod-for-bundlers.mjs'), external: ['zod'] });
}

void writeAll();
