/**
 * Environment variables by which Snowstorm's harness tells a node in a process what it cannot know. Nodes of any origin
 * may read them. Maelstrom does not set them.
 */

/** The workload that is tested: the name for `-w`. */
export const WORKLOAD_VARIABLE = 'SNOWSTORM_WORKLOAD';

/**
 * A folder of this run alone, by its full path. It outlives kills of the node, and is removed at the end of the run. A
 * node makes it, or a folder in it, if it needs it.
 */
export const RUN_FOLDER_VARIABLE = 'SNOWSTORM_RUN_DIR';

/** The challenge that `snowstorm glomers` runs: `3d`. */
export const CHALLENGE_VARIABLE = 'SNOWSTORM_CHALLENGE';
