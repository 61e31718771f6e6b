/** The neighbours that Maelstrom suggests to nodes. Source: `maelstrom.workload.broadcast`. All are symmetric. */

/** The neighbours of each node. */
type Topology = Record<string, string[]>;

/** @param nodes in the order of `node_ids` */
export type TopologyOf = (nodes: readonly string[]) => Topology;

/** A square, as far as there are nodes: below, above, right, left. The last row may be short. */
export const GRID: TopologyOf = (nodes) => {
  const side = Math.ceil(Math.sqrt(nodes.length));
  const at = (row: number, column: number) =>
    row >= 0 && column >= 0 && column < side ? nodes.slice(row * side + column, row * side + column + 1) : [];
  return neighbours(nodes, (index) => {
    const [row, column] = [Math.floor(index / side), index % side];
    return [...at(row + 1, column), ...at(row - 1, column), ...at(row, column + 1), ...at(row, column - 1)];
  });
};

/** Each beside the next one. A single node is not even named, as in Maelstrom. */
function line(nodes: readonly string[]): Topology {
  if (nodes.length < 2) return {};
  return neighbours(nodes, (index) => [
    ...nodes.slice(Math.max(0, index - 1), index),
    ...nodes.slice(index + 1, index + 2),
  ]);
}

function total(nodes: readonly string[]): Topology {
  return neighbours(nodes, (index) => nodes.filter((_, other) => other !== index));
}

/** A complete tree: the parent, then the children. */
function tree(branches: number): TopologyOf {
  return (nodes) =>
    neighbours(nodes, (index) => {
      const parent = index === 0 ? [] : [nodes[Math.floor((index - 1) / branches)] as string];
      return [...parent, ...nodes.slice(index * branches + 1, index * branches + branches + 1)];
    });
}

function neighbours(nodes: readonly string[], of: (index: number) => string[]): Topology {
  return Object.fromEntries(nodes.map((node, index) => [node, of(index)]));
}

/** By the names of `--topology`. */
export const TOPOLOGIES: Readonly<Record<string, TopologyOf>> = {
  grid: GRID,
  line,
  total,
  tree: tree(2),
  tree2: tree(2),
  tree3: tree(3),
  tree4: tree(4),
};

/** Throws an Error that names those there are. */
export function parseTopology(text: string): TopologyOf {
  const topologyOf = Object.hasOwn(TOPOLOGIES, text) ? TOPOLOGIES[text] : undefined;
  if (topologyOf === undefined) throw new Error(`expected one of ${Object.keys(TOPOLOGIES).join(', ')}`);
  return topologyOf;
}
