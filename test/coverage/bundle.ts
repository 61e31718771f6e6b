/** Bundles TypeScript into one program, and says where in the sources each place of it comes from. */

import { SourceMap } from 'node:module';
import { type BuildOptions, build } from 'esbuild';

export interface Place {
  /** From the root of the project. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
}

export interface Bundle {
  readonly code: string;
  /** The place in the sources of a place in the code; undefined for what esbuild has added. */
  readonly placeOf: (offset: number) => Place | undefined;
}

const OPTIONS = {
  bundle: true,
  write: false,
  platform: 'node',
  format: 'cjs',
  // The language of the sources, so nothing is rewritten but the types, which vanish.
  target: 'node20',
  logLevel: 'warning',
} as const satisfies BuildOptions;

/** The files that a program consists of, without those of which only types are used. */
export async function filesOf(entry: string): Promise<string[]> {
  const { metafile } = await build({ ...OPTIONS, entryPoints: [entry], metafile: true });
  return Object.keys(metafile.inputs).sort();
}

/** A program that exports what `entry` does and has all of `files` in it, even what no other file uses. */
export async function bundle(entry: string, files: readonly string[]): Promise<Bundle> {
  const contents = [
    `export * from './${entry}';`,
    ...files.map((file, index) => `export * as file${index} from './${file}';`),
  ].join('\n');
  const { outputFiles } = await build({
    ...OPTIONS,
    stdin: { contents, resolveDir: '.', loader: 'ts' },
    sourcemap: 'external',
    outfile: 'bundle.cjs',
  });
  const [map, code] = outputFiles.map(({ text }) => text) as [string, string];
  const lineStarts = [0, ...[...code.matchAll(/\n/g)].map(({ index }) => index + 1)];
  const sources = new SourceMap(JSON.parse(map));
  return {
    code,
    placeOf: (offset) => {
      const line = lineStarts.findLastIndex((start) => start <= offset);
      const found = sources.findEntry(line, offset - (lineStarts[line] as number));
      // What esbuild adds is not in the map, which then finds the end of an earlier line, or is the whole of a file.
      if (!('originalSource' in found) || found.generatedLine !== line) return undefined;
      if (found.originalLine === 0 && found.originalColumn === 0) return undefined;
      return { file: found.originalSource, line: found.originalLine + 1 };
    },
  };
}
