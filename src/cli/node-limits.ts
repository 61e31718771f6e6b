/** The option `--limits`: limits of simulated nodes, which a workload declares (`Workload.limits`). */

import type { RunOptions } from '../harness/run-options.ts';
import { WORKLOADS } from '../workloads/registry.ts';
import type { Workload } from '../workloads/workload.ts';
import { type Option, parseWhole } from './options.ts';

type NodeLimits = NonNullable<RunOptions['nodeLimits']>;

/** As in the other help texts. */
const LINE_LENGTH_MAX = 96;

export const limitsOption: Option<NodeLimits | undefined> = {
  value: 'NAME=N,...',
  text: `Smaller limits of the nodes, so that a short run reaches them; simulated nodes only:
${WORKLOADS.filter(hasLimits)
  .map(({ name, limits = {} }) => inLines(`${name}: ${Object.keys(limits).join(', ')}.`))
  .join('\n')}
Values smaller than those that fuzz draws may break what a workload promises.`,
  absent: undefined,
  parse: (text) => {
    const limits = new Map<string, number>();
    for (const part of text.split(/\s*,\s*/)) {
      const [name = '', number = '', ...more] = part.split('=');
      if (name === '' || number === '' || more.length > 0) throw new Error(`expected NAME=N, not ${part}`);
      if (limits.has(name)) throw new Error(`${name} is given twice`);
      limits.set(name, parseWhole(1)(number));
    }
    return Object.fromEntries(limits);
  },
};

function inLines(text: string): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = `${lines.at(-1)} ${word}`.trimStart();
    if (line.length > LINE_LENGTH_MAX) lines.push(`  ${word}`);
    else lines[lines.length - 1] = line;
  }
  return lines.join('\n');
}

function hasLimits({ limits = {} }: Workload): boolean {
  return Object.keys(limits).length > 0;
}

/** Throws an Error that names the limits of the workload, unless it has all of these. */
export function requireLimits(
  { name: workload, limits: known = {} }: Pick<Workload, 'name' | 'limits'>,
  limits: NodeLimits = {},
): void {
  const wrong = Object.keys(limits).find((name) => !Object.hasOwn(known, name));
  if (wrong === undefined) return;
  const names = Object.keys(known);
  const has = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`;
  throw new Error(`the workload ${workload} has no limit ${JSON.stringify(wrong)}; ${has}`);
}

/** A part of a line about a run; empty without limits. */
export function describeLimits(limits: NodeLimits | undefined): string {
  return limits === undefined ? '' : `, limits ${limitsText(limits)}`;
}

/** The inverse of the option: `page=2,group=1`; empty for none. */
export function limitsText(limits: NodeLimits = {}): string {
  return Object.entries(limits)
    .map(([name, number]) => `${name}=${number}`)
    .join();
}
