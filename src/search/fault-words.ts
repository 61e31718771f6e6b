/** Faults in words, for people: the target, the effect, and the end. */

import type { ClockFault, DiskDamage, MessageEvent, NodeFaultEvent } from '../harness/fault.ts';
import { describeGrudge } from '../harness/grudge.ts';

interface Words {
  readonly who: string;
  readonly what: string;
}

const DAMAGE: Readonly<Record<DiskDamage, string>> = {
  unsynced: ', and loses what was not synced',
  torn: ', and what was not synced is lost or torn',
  lost: ', and its disk is lost',
};

export function describeFault(event: NodeFaultEvent): Words {
  if ('grudge' in event) {
    const cut = describeGrudge(new Map(Object.entries(event.grudge)));
    return { who: 'network', what: `is cut for ${ms(event.durationMs)}, ${event.fault} ${event.shape}: ${cut}` };
  }
  const who = event.nodes.join(', ');
  const during = `for ${ms(event.durationMs)}`;
  switch (event.fault) {
    case 'pause':
      return { who, what: `is paused ${during}` };
    case 'clock-jump':
    case 'clock-drift':
    case 'clock-freeze':
      return { who, what: `${describeClock(event.clock)} ${during}` };
    default: {
      const damage = event.damage === undefined ? '' : DAMAGE[event.damage];
      const clock = event.clock === undefined ? '' : `; when it starts again, ${describeClock(event.clock)}`;
      return { who, what: `is killed ${during}${damage}${clock}` };
    }
  }
}

export function describeFaultEnd(event: NodeFaultEvent): Words {
  if ('grudge' in event) return { who: 'network', what: `is healed (${event.fault} ${event.shape})` };
  const who = event.nodes.join(', ');
  switch (event.fault) {
    case 'pause':
      return { who, what: 'resumes' };
    case 'clock-jump':
    case 'clock-drift':
    case 'clock-freeze':
      return { who, what: 'has the correct time again' };
    default:
      return { who, what: 'starts again' };
  }
}

/** The fate of a message, as the end of a sentence. */
export function describeFate({ fault, delayMs }: MessageEvent): string {
  switch (fault) {
    case 'loss':
      return 'is lost';
    case 'duplication':
      return `arrives twice, the second time ${ms(delayMs ?? 0)} later`;
    case 'reordering':
    case 'delay':
      return `is ${ms(delayMs ?? 0)} late`;
  }
}

function describeClock({ wallOffsetMs, rate, wallFrozen }: ClockFault): string {
  const parts: string[] = [];
  if (wallOffsetMs !== undefined)
    parts.push(`its clock is ${ms(Math.abs(wallOffsetMs))} ${wallOffsetMs < 0 ? 'behind' : 'ahead'}`);
  if (rate !== undefined) parts.push(rate === 0 ? 'its clocks are frozen' : `its clocks run at ${rate} of their speed`);
  if (wallFrozen) parts.push('its wall clock is frozen');
  return parts.join(', ') || 'its clocks do not change';
}

function ms(timeMs: number): string {
  return `${Math.round(timeMs * 100) / 100} ms`;
}
