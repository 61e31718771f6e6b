/** What is measured: the fuzzing of every workload, with all that it runs on. `main.ts` bundles it. */

export { createSettle } from '../../src/host/settle.ts';
export { runSeed } from '../../src/search/fuzz.ts';
export { fuzzOptions } from '../../src/search/fuzz-defaults.ts';
export { drawSwarm, swarmOf } from '../../src/search/swarm.ts';
export { findWorkload, subjectOf, WORKLOADS } from '../../src/workloads/registry.ts';
