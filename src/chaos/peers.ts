/**
 * The peers of a node, seen from between the node and the harness: only by the ids in the envelope.
 */

import { SERVICE_NAMES } from '../harness/services/names.ts';
import { isClient } from '../protocol/client-id.ts';

/** `self` is the node itself; `stranger` is an id that the node does not know. Neither suffers any fault. */
export type PeerKind = 'client' | 'service' | 'node' | 'self' | 'stranger';

/** Which messages loss, duplication and delay hit. */
export const PEER_CHOICES = ['node', 'service', 'all'] as const;
export type PeerChoice = (typeof PEER_CHOICES)[number];

/** What `id` is to `nodeId`, one of `nodeIds`. */
export function kindOf(id: string, nodeId: string, nodeIds: readonly string[]): PeerKind {
  if (isClient(id)) return 'client';
  if (id === nodeId) return 'self';
  if (SERVICE_NAMES.includes(id)) return 'service';
  return nodeIds.includes(id) ? 'node' : 'stranger';
}

export function isHit(kind: PeerKind, choice: PeerChoice): boolean {
  return kind === choice || (choice === 'all' && (kind === 'node' || kind === 'service'));
}
