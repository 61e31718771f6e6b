import { describe, expect, it } from 'vitest';
import { NEW_YEAR_MS } from '../support/manual-clock.ts';
import { MemoryReservation } from '../support/memory-reservation.ts';
import { describeReservation } from '../support/reservation-conformance.ts';

describe('MemoryReservation', () => {
  describeReservation(async () => {
    const shared = new MemoryReservation();
    return async () => shared;
  });

  it('can begin with a bound', async () => {
    expect(await new MemoryReservation(NEW_YEAR_MS).read()).toBe(NEW_YEAR_MS);
  });
});
