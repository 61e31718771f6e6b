/**
 * A node that an author made with the package `snowstorm`. The program that loads it may have another copy of this
 * code, so a definition is known by a mark that all copies share, and not by its class.
 */

import type { Fault } from '../harness/fault.ts';
import type { LinearizableStore } from '../kv/store.ts';
import type { Handler, NodeContext } from '../node/context.ts';
import type { StartHandlers } from '../node/node.ts';
import type { Folder } from '../protocol/folder.ts';

const MARK = Symbol.for('snowstorm.node');
const OPTIONS = ['name', 'handlers', 'survives'] as const satisfies readonly (keyof NodeOptions)[];

/** What a node has besides its context. */
export interface OwnPorts {
  /** Maelstrom's `lin-kv`, for {@link Documents}. */
  readonly kv: LinearizableStore;
  /**
   * This node's own folder, which outlives its kills: simulated with torn and lost writes, or real. Undefined where
   * there is none: then what the node keeps ends with it.
   */
  readonly openFolder: () => Promise<Folder | undefined>;
}

/** What an author says about a node. */
export interface NodeOptions {
  /** The name in messages. Default: `node`. */
  readonly name?: string;
  /**
   * Makes the handlers, one for each type of request, once the node knows its id. A rejection refuses `init` and ends
   * the node.
   */
  readonly handlers: (context: NodeContext, ports: OwnPorts) => readonly Handler[] | Promise<readonly Handler[]>;
  /**
   * The faults that the node promises to survive. `fuzz` and `--nemesis all` inject no others. Default: all faults of
   * links, messages and clocks, and `pause`; no kills, which take away what a node without a folder keeps.
   */
  readonly survives?: readonly Fault[];
}

/** A node, made by {@link defineNode}: run it with `runOnStdio`, or test it with `snowstorm/testing`. */
export interface NodeDefinition extends NodeOptions {
  readonly name: string;
  readonly [MARK]: 1;
}

/**
 * Defines a node. Throws a TypeError that says what is wrong with the options.
 *
 * @param options its name, its handlers and what it survives
 *
 * @example
 * ```ts
 * import { defineNode, defineRpc, handler, runOnStdio } from 'snowstorm';
 * import * as z from 'snowstorm/zod';
 *
 * const Echo = defineRpc('echo', 'Returns it.', { echo: z.unknown() }, { echo: z.unknown() });
 * const node = defineNode({ name: 'echo', handlers: () => [handler(Echo, ({ echo }) => ({ echo }))] });
 *
 * runOnStdio(node);
 * export default node;
 * ```
 */
export function defineNode(options: NodeOptions): NodeDefinition {
  const { name = 'node', handlers } = options;
  refuseUnknown('defineNode', options, OPTIONS);
  if (typeof handlers !== 'function')
    throw new TypeError('defineNode: handlers must be a function that returns an array of handlers');
  return { ...options, name, [MARK]: 1 };
}

/** Throws a TypeError for an option that a function does not have. */
export function refuseUnknown(called: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new TypeError(`${called}: ${unknown}: there is no such option; expected some of ${known.join(', ')}`);
}

/** Whether it was made by any copy of {@link defineNode}. */
export function isNodeDefinition(value: unknown): value is NodeDefinition {
  return typeof value === 'object' && value !== null && (value as { [MARK]?: unknown })[MARK] === 1;
}

/** @param ports told when the node starts */
export function startOwnNode(
  { name, handlers }: NodeDefinition,
  ports: (context: NodeContext) => OwnPorts,
): StartHandlers {
  return async (context) => {
    const made = await handlers(context, ports(context));
    if (!Array.isArray(made)) throw new TypeError(`${name}: handlers must return an array of handlers`);
    return made;
  };
}
