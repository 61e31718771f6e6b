/**
 * The package `snowstorm`: what a node is written with. A module that exports a node by default is a program for
 * Maelstrom and for `snowstorm test --bin`, and `snowstorm fuzz --node` simulates it.
 */

export { Journal } from '../journal/journal.ts';
export {
  type Change,
  Documents,
  type DocumentsOptions,
  NOTHING_STORED,
  type ReadResult,
  readOrThrow,
  type Stored,
  type UpdateResult,
} from '../kv/documents.ts';
export { KvClient, type KvResult, type StoreName, TimestampOracle } from '../kv/kv-client.ts';
export type { LinearizableStore } from '../kv/store.ts';
export {
  type AbortSignalLike,
  type Figures,
  type Handler,
  handler,
  type NodeContext,
  type RequestOrigin,
  type RpcOptions,
  type RpcResult,
} from '../node/context.ts';
export type { Logger, LogLevel } from '../node/environment.ts';
export type { Clock } from '../protocol/clock.ts';
export { type ErrorName, RpcError } from '../protocol/errors.ts';
export type { Folder } from '../protocol/folder.ts';
export type { Body } from '../protocol/message.ts';
export { defineRpc, type ReplyOf, type RequestInputOf, type RequestOf, type Rpc } from '../protocol/rpc.ts';
export { defineNode, type NodeDefinition, type NodeOptions, type OwnPorts } from '../workloads/own-node.ts';
export { runOnStdio, type StdioOptions } from './run-on-stdio.ts';
