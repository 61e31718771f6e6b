/** What chaos is made of and does not show from outside. */

import { describe, expect, it } from 'vitest';
import { StallWatch } from '../../src/chaos/stall-watch.ts';
import { WaitingClients } from '../../src/chaos/waiting-clients.ts';
import { StallingTime } from '../support/chaos-rig.ts';

describe('the waiting clients', () => {
  it('are forgotten after their deadlines', () => {
    const clients = new WaitingClients(5000);
    for (let number = 0; number < 10_000; number++) clients.asked(`c${number % 7}`, number, number);
    expect(clients.size).toBeLessThan(4502);
    expect(clients.answered('c0', 0, 1, 10_000)).toBe('late');
    expect(clients.answered(`c${9999 % 7}`, 9999, 1, 10_000)).toBe('due');
  });
});

describe('a stall', () => {
  it('makes what is read after it as old as its beginning, before a timer has gone off and for a while after', async () => {
    const time = new StallingTime();
    const watch = new StallWatch(time);
    await time.advance(1050);
    expect(watch.arrivalMs()).toBe(1050);
    time.stalledMs = 4000;
    expect(watch.arrivalMs()).toBe(1000);
    await time.advance(60);
    expect(watch.arrivalMs()).toBe(1000);
    await time.advance(100);
    expect(watch.arrivalMs()).toBe(time.now());
    watch.stop();
    expect(time.timerCount).toBe(0);
  });
});
