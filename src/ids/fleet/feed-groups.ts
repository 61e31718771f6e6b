/**
 * Groups of consumers. A group has one cursor of a service's feed, in the store, so that any consumer goes on where the
 * group has come to. It only moves forward: a commit that arrives late changes nothing.
 */

import * as z from 'zod';
import { Documents, readOrThrow } from '../../kv/documents.ts';
import { keyPart } from '../../kv/key-part.ts';
import type { LinearizableStore } from '../../kv/store.ts';
import type { NodeContext } from '../../node/context.ts';
import { isBefore, type Place } from './feed-cursor.ts';

const GroupRecord = z.object({ page: z.int().min(0), position: z.int().min(0) });

export class FeedGroups {
  readonly #documents: Documents<Place>;

  constructor(context: Pick<NodeContext, 'clock' | 'sleep' | 'randomUint32'>, kv: LinearizableStore) {
    this.#documents = new Documents({ kv, context, name: 'cursor of a group', schema: GroupRecord });
  }

  /** Undefined: it has never committed. Rejects with error 11 if the store gives no answer. */
  async placeOf(service: string, group: string): Promise<Place | undefined> {
    return (await readOrThrow(this.#documents, groupKey(service, group))).content;
  }

  /**
   * Moves the group to this place, unless it is there or further already. Resolves to where it is then. Rejects with
   * error 11 if it was not moved, with 13 if that is not known.
   */
  async commit(service: string, group: string, place: Place): Promise<Place> {
    const result = await this.#documents.update(groupKey(service, group), (known) =>
      known === undefined || isBefore(known, place) ? place : undefined,
    );
    if (result.kind !== 'ok') throw result.error;
    return result.stored.content;
  }
}

function groupKey(service: string, group: string): string {
  return `feed-group/${keyPart('service', service)}/${keyPart('group', group)}`;
}
