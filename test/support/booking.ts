/**
 * A saga that has nothing to do with transfers: a guest books a seat. First the seat is reserved, then it is paid for.
 * After the pivot one letter goes to the guest and one to the house. It has three kinds of participants; one of them is
 * created with the first letter.
 */

import * as z from 'zod';
import { keyPart } from '../../src/kv/key-part.ts';
import type { NodeContext } from '../../src/node/context.ts';
import type { SagaCoordinator } from '../../src/saga/coordinator.ts';
import type { Marking, ParticipantRecord } from '../../src/saga/marks.ts';
import { Refusal, type SagaKind } from '../../src/saga/plan.ts';
import type { SagaRecord } from '../../src/saga/record.ts';
import { Engine, SagaRig } from './saga-rig.ts';

export const Booking = z.object({
  id: z.string(),
  show: z.string(),
  seat: z.int().min(0),
  guest: z.string(),
  price: z.int().min(1),
});
export type Booking = z.infer<typeof Booking>;

const Show = z.object({ seats: z.array(z.string().nullable()) });
const Purse = z.object({ money: z.int().min(0) });
const Mailbox = z.object({ letters: z.array(z.string()) });

export const HOUSE = 'house';

export class BookingNode {
  readonly kill: () => void;
  readonly #coordinator: SagaCoordinator;
  readonly #kind: SagaKind<Booking>;

  constructor(context: NodeContext, kill: () => void, marking?: Marking) {
    this.kill = kill;
    const engine = new Engine(context);
    const own = marking && { marking };
    const shows = engine.participants({ name: 'show', schema: Show, keyOf: showKey, ...own });
    const purses = engine.participants({ name: 'purse', schema: Purse, keyOf: purseKey, ...own });
    const mailboxes = engine.participants({ name: 'mailbox', schema: Mailbox, keyOf: mailboxKey, ...own });
    const notify = (name: string, id: string) =>
      mailboxes.step(name, { act: (mailbox) => ({ letters: [...(mailbox?.letters ?? []), id] }) });
    this.#kind = {
      name: 'booking',
      input: Booking,
      plan: ({ id, show, seat, guest, price }) => ({
        stages: [
          [
            shows.step(show, {
              act: (content) => {
                if (content?.seats[seat] === undefined) return new Refusal('no such seat');
                return content.seats[seat] === null ? { seats: content.seats.with(seat, id) } : new Refusal('taken');
              },
              undo: ({ seats }) => ({ seats: seats.with(seat, null) }),
            }),
          ],
          [
            purses.step(guest, {
              act: (purse) =>
                purse === undefined || purse.money < price ? new Refusal('no money') : { money: purse.money - price },
              undo: ({ money }) => ({ money: money + price }),
            }),
          ],
          [notify(guest, id), notify(HOUSE, id)],
        ],
        pivot: 2,
      }),
    };
    this.#coordinator = engine.coordinate(this.#kind);
    this.#coordinator.start();
  }

  book(booking: Booking): Promise<SagaRecord> {
    return this.#coordinator.run(booking.id, this.#kind, booking);
  }
}

export class BookingRig extends SagaRig {
  open(nodeId: string, nodeIds: readonly string[] = [nodeId], marking?: Marking): BookingNode {
    const { context, kill } = this.life(nodeId, nodeIds);
    return new BookingNode(context, kill, marking);
  }

  putShow(show: string, seatCount: number): void {
    this.put(showKey(show), { content: { seats: Array.from({ length: seatCount }, () => null) }, marks: [] });
  }

  putPurse(guest: string, money: number): void {
    this.put(purseKey(guest), { content: { money }, marks: [] });
  }

  seats(show: string): (string | null)[] {
    return this.stored<ParticipantRecord<z.infer<typeof Show>>>(showKey(show))?.content?.seats ?? [];
  }

  money(guest: string): number | undefined {
    return this.stored<ParticipantRecord<z.infer<typeof Purse>>>(purseKey(guest))?.content?.money;
  }

  letters(name: string): string[] {
    return this.stored<ParticipantRecord<z.infer<typeof Mailbox>>>(mailboxKey(name))?.content?.letters ?? [];
  }
}

function showKey(show: string): string {
  return `show/${keyPart('show', show)}`;
}

function purseKey(guest: string): string {
  return `purse/${keyPart('guest', guest)}`;
}

function mailboxKey(name: string): string {
  return `mail/${keyPart('name', name)}`;
}
