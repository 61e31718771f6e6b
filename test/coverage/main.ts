/**
 * `make coverage`: which branches of the protocol core the seeds of `snowstorm fuzz` reach. Arguments: how many seeds,
 * and the names of workloads; without names all of them.
 */

import { readFileSync } from 'node:fs';
import { findBranches } from './branches.ts';
import { bundle, filesOf, type Place } from './bundle.ts';
import { measure, union } from './precise-coverage.ts';
import { type CoreBranch, describeCoverage } from './report.ts';

const ENTRY = 'test/coverage/simulations.ts';
const NODE_PROGRAM = 'src/cli/maelstrom-node.ts';
/**
 * The protocol core: ids, documents, sagas, what nodes serve of each workload, and of the node runtime the parts that
 * the protocols rest on. Of these the program of a node takes only what nodes serve, so the halves of workloads that
 * test are left out.
 */
const CORE =
  /^src\/(?:(?:ids|kv|saga|workloads\/[\w-]+)\/|node\/(?:abort|assertion|pause|pending-rpcs|rate-limit|repeats|sleepers)\.ts$)/;

type Simulations = typeof import('./simulations.ts');

async function main([count = '200', ...names]: readonly string[]): Promise<void> {
  const seedCount = Number(count);
  if (!(seedCount >= 1)) throw new Error(`the first argument is how many seeds to try, not ${count}`);
  const core = (await filesOf(NODE_PROGRAM)).filter((file) => CORE.test(file));
  const { code, placeOf } = await bundle(ENTRY, core);
  const { exports, takeReached, stop } = measure<Simulations>(code, 'coverage.cjs');
  let reached: Uint8Array = new Uint8Array(code.length);
  for (const name of names.length > 0 ? names : exports.WORKLOADS.map((workload) => workload.name)) {
    process.stdout.write(`${name}: ${await fuzz(exports, name, seedCount)}\n`);
    reached = union(reached, takeReached());
  }
  stop();
  const branches = (await findBranches(code)).flatMap((branch): CoreBranch[] => {
    const place = placeOf(branch.shownAt);
    if (place === undefined || !core.includes(place.file)) return [];
    return [{ ...branch, ...place, reached: reached[branch.start] === 1 }];
  });
  process.stdout.write(`\n${describeCoverage(branches, textOf)}\n`);
}

/** Runs the seeds from 1 on. Resolves to how many, in words. */
async function fuzz(simulations: Simulations, name: string, seedCount: number): Promise<string> {
  const { createSettle, drawSwarm, findWorkload, fuzzOptions, runSeed, subjectOf, swarmOf, WORKLOADS } = simulations;
  const workload = findWorkload(name);
  if (workload === undefined)
    throw new Error(`there is no workload ${name}; there are ${WORKLOADS.map((known) => known.name).join(', ')}`);
  const swarm = swarmOf(workload);
  const optionsOf = (seed: string) => drawSwarm(fuzzOptions({ seed, test: workload.test }), swarm);
  const context = { subject: subjectOf(workload), settle: createSettle() };
  let invalid = 0;
  for (let seed = 1; seed <= seedCount; seed++) {
    const { validity } = await runSeed(context, optionsOf(`${seed}`));
    if (validity !== true) invalid++;
  }
  return `${seedCount} seeds, ${invalid} not valid`;
}

const lines = new Map<string, readonly string[]>();

function textOf({ file, line }: Place): string {
  const known = lines.get(file) ?? readFileSync(file, 'utf8').split('\n');
  lines.set(file, known);
  return known[line - 1] ?? '';
}

void main(process.argv.slice(2));
