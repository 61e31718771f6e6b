import { expect, it } from 'vitest';
import { timeOfId } from '../../src/workloads/id-time.ts';

it.each([
  ['499376191816335360', 1_795_219_881_045],
  ['01a3185c-9e5d-7000-8018-67c237a4f0a9', 0x01a3185c9e5d],
  ['r1', undefined],
  ['', undefined],
  ['01A3185C-9E5D-7000-8018-67C237A4F0A9', undefined],
  ['01a3185c-9e5d-4000-8018-67c237a4f0a9', undefined],
  ['007', undefined],
])('the time of %j is %j', (id, timeMs) => expect(timeOfId(id)).toBe(timeMs));
