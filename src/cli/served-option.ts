/** The option `--workload` of a node: which workloads it serves. */

import { findClash, SERVED_WORKLOADS, servedTogether } from '../workloads/nodes.ts';
import type { ServedWorkload } from '../workloads/served-workload.ts';
import type { Option } from './options.ts';

/**
 * @param registry all workloads that a node can serve; a test may give its own
 * @param asked the workload that a harness says it tests, if there is one
 */
export function servedOption(
  registry: readonly ServedWorkload[] = SERVED_WORKLOADS,
  asked?: string,
): Option<readonly ServedWorkload[]> {
  const byDefault = servedTogether(registry);
  return {
    short: 'w',
    value: 'NAME,...',
    text: describe(registry, byDefault),
    // Those that are served anyway share their handlers, so nothing changes.
    absent: byDefault.some(({ name }) => name === asked) ? byDefault : findNamed(registry, asked, byDefault),
    parse: (text) => {
      const workloads = [...new Set(text.split(',').map((name) => find(registry, name)))];
      const clash = findClash(workloads);
      if (clash === undefined) return workloads;
      const { type, earlier, later } = clash;
      throw new Error(
        `both ${earlier.name} and ${later.name} serve the message type ${type}; name only one of the two`,
      );
    },
  };
}

function findNamed(
  registry: readonly ServedWorkload[],
  asked: string | undefined,
  otherwise: readonly ServedWorkload[],
): readonly ServedWorkload[] {
  const found = registry.find(({ name }) => name === asked);
  return found === undefined ? otherwise : [found];
}

function find(registry: readonly ServedWorkload[], name: string): ServedWorkload {
  const found = registry.find((workload) => workload.name === name);
  if (found !== undefined) return found;
  throw new Error(`there is no workload ${JSON.stringify(name)}; expected one or more of ${namesOf(registry)}`);
}

function describe(registry: readonly ServedWorkload[], byDefault: readonly ServedWorkload[]): string {
  const text = `The workloads that the node serves, with commas between them:
${namesOf(registry)}.
Default: `;
  const leftOut = registry.filter((workload) => !byDefault.includes(workload));
  if (leftOut.length === 0) return `${text}all of them.`;
  return `${text}what the harness says it tests, if that is snowstorm; else
${namesOf(byDefault)}.`;
}

function namesOf(workloads: readonly ServedWorkload[]): string {
  return workloads.map(({ name }) => name).join(', ');
}
