/**
 * Whom a node talks to, as somebody who stands between it and the harness sees it: by the ids of the envelope alone.
 */

import { isClient } from '../harness/network.ts';

/** Maelstrom's services, by their node ids. */
export const SERVICE_IDS: readonly string[] = ['lin-kv', 'seq-kv', 'lww-kv', 'lin-tso'];

/** `self` is the node itself; `stranger` is nobody that the node was told of. Neither suffers any fault. */
export type PeerKind = 'client' | 'service' | 'node' | 'self' | 'stranger';

/** Which messages loss, duplication and delay hit. */
export const PEER_CHOICES = ['node', 'service', 'all'] as const;
export type PeerChoice = (typeof PEER_CHOICES)[number];

/** What `id` is to `nodeId`, one of `nodeIds`. */
export function kindOf(id: string, nodeId: string, nodeIds: readonly string[]): PeerKind {
  if (isClient(id)) return 'client';
  if (id === nodeId) return 'self';
  if (SERVICE_IDS.includes(id)) return 'service';
  return nodeIds.includes(id) ? 'node' : 'stranger';
}

export function isHit(kind: PeerKind, choice: PeerChoice): boolean {
  return kind === choice || (choice === 'all' && (kind === 'node' || kind === 'service'));
}
