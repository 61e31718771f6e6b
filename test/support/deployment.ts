/** The commands in the files of `src/host/http/deploy`, for a test that runs them on this machine. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../../src/host/http/deploy/', import.meta.url));

export function deployPath(name: string): string {
  return `${FOLDER}${name}`;
}

function textOf(name: string): string {
  return readFileSync(deployPath(name), 'utf8');
}

/** The lists of words behind a key of a YAML file, one for each place. They are written as JSON. */
export function listsOf(name: string, key: 'command' | 'args'): string[][] {
  return [...textOf(name).matchAll(new RegExp(`\\b${key}: (\\[.*?\\])(?= \\}|\\n)`, 'g'))].map(
    ([, list]) => JSON.parse(list as string) as string[],
  );
}

/** The words of an instruction in the last stage of the Dockerfile that has it, or in the named stage. */
export function instruction(stage: string, name: 'ENTRYPOINT' | 'CMD' | 'HEALTHCHECK'): string[] {
  const lines = textOf('Dockerfile').replaceAll('\\\n', '').split('\n');
  const start = lines.findIndex((line) => line.endsWith(` AS ${stage}`));
  const next = lines.findIndex((line, index) => index > start && line.startsWith('FROM '));
  const own = lines.slice(start, next < 0 ? undefined : next).find((line) => line.startsWith(name));
  if (own === undefined) throw new Error(`the stage ${stage} has no ${name}`);
  return JSON.parse(own.slice(own.indexOf('['))) as string[];
}
