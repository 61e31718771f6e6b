/** The rules for feeds and groups, in histories written by hand, kept and broken in each way that they can be. */

import { describe, expect, it } from 'vitest';
import { idsChecker } from '../../../../src/workloads/ids/checker/ids-checker.ts';
import { type HandwrittenOperation, handwritten, info, invoke, ok, THREE_NODES } from '../../../support/histories.ts';

const RULES = ['feed-in-order', 'feed-complete', 'feed-true', 'feed-cursor', 'group-moves-forward'] as const;
/** Of keys a, b, c, d. */
const IDS = { a: '499376191816335360', b: '499376191816335362', c: '499376191816335364', d: '499376191816335366' };
type Key = keyof typeof IDS;

const SERVICE = 'payment';

function assign(key: Key, id = IDS[key]): HandwrittenOperation[] {
  return [invoke(0, 'assign', { service: SERVICE, key }), ok(0, 'assign', { service: SERVICE, key, id })];
}

interface Part {
  readonly after?: string;
  readonly cursor: string;
}

/** @param keys of the answer, in order */
function read(keys: string, part: Part, ids: Readonly<Record<string, string>> = IDS): HandwrittenOperation[] {
  const assignments = [...keys].map((key) => [ids[key], key]);
  return [
    invoke(1, 'feed', { service: SERVICE, reader: 0, limit: 7 }),
    ok(1, 'feed', { service: SERVICE, answers: [{ ...part, assignments }] }),
  ];
}

function consume(keys: string, cursor: string): HandwrittenOperation[] {
  const assignments = [...keys].map((key) => [IDS[key as Key], key]);
  const asked = { service: SERVICE, group: 'g' };
  return [
    invoke(2, 'consume', { ...asked, limit: 7 }),
    ok(2, 'consume', { ...asked, answers: [{ assignments, cursor }] }),
  ];
}

function commit(cursor: string, now: string | undefined = cursor): HandwrittenOperation[] {
  const asked = { service: SERVICE, group: 'g', cursor };
  return [invoke(2, 'commit', { service: SERVICE, group: 'g', of: 0 }), ok(2, 'commit', { ...asked, now })];
}

const ALL = [...assign('a'), ...assign('b'), ...assign('c'), ...assign('d')];
/** Cursors by how many are before them. */
const WHOLE = [...read('abcd', { cursor: '4' }), ...read('', { after: '4', cursor: '4' })];
const STEPS = [
  ...read('a', { cursor: '1' }),
  ...read('b', { after: '1', cursor: '2' }),
  ...read('cd', { after: '2', cursor: '4' }),
];

function broken(...operations: readonly (readonly HandwrittenOperation[])[]): Record<string, string[]> {
  const result = idsChecker().check(THREE_NODES, handwritten(...operations.flat()));
  return Object.fromEntries(
    RULES.flatMap((name) => {
      const { count, examples } = result[name] as { count: number; examples: { problem: string }[] };
      return count === 0 ? [] : [[name, examples.map(({ problem }) => problem)]];
    }),
  );
}

describe('what is right', () => {
  it.each([
    ['answers of every length', [STEPS, WHOLE]],
    [
      'a cursor that passes only what has lost',
      [read('abcd', { cursor: '4' }), read('', { after: '4', cursor: '4b' })],
    ],
    [
      'an assignment that was not acknowledged',
      [[invoke(0, 'assign', { service: SERVICE, key: 'd' }), info(0, 'assign', null)]],
    ],
    [
      'a group that goes on where it was committed',
      [WHOLE, STEPS, consume('ab', '2'), commit('2'), consume('cd', '4')],
    ],
    ['a late commit, which changes nothing', [WHOLE, STEPS, commit('2'), commit('1', '2'), consume('cd', '4')]],
    [
      'a commit that no one knows the end of',
      [
        WHOLE,
        STEPS,
        [invoke(2, 'commit', {}), info(2, 'commit', { service: SERVICE, group: 'g', cursor: '2' })],
        consume('cd', '4'),
      ],
    ],
  ])('is accepted: %s', (_, operations) => {
    expect(broken(ALL, ...operations)).toEqual({});
  });
});

describe('what is wrong', () => {
  it.each<[string, Record<string, string[]>, HandwrittenOperation[][]]>([
    [
      'two orders',
      { 'feed-in-order': ['after one assignment there came two', 'after one assignment there came two'] },
      [read('abcd', { cursor: '4' }), read('bacd', { after: 'x', cursor: '4' })],
    ],
    [
      'an answer with one twice',
      {
        'feed-in-order': ['one answer has an assignment twice', 'before one assignment there were two'],
      },
      [read('abcb', { cursor: '4' })],
    ],
    [
      'what becomes visible behind a cursor',
      { 'feed-cursor': ['after one assignment there came two'] },
      [read('abc', { cursor: '3' }), read('a', { cursor: '1' }), read('c', { after: '1', cursor: '3' })],
    ],
    [
      'two continuations of one cursor',
      { 'feed-cursor': ['a cursor stands before two assignments'] },
      [read('b', { after: 'x', cursor: '2' }), read('c', { after: 'x', cursor: '3' })],
    ],
    [
      'an end before what was acknowledged',
      { 'feed-complete': ['a feed ended before an assignment'] },
      [read('abcd', { cursor: '4' }), read('a', { cursor: '1' }), read('', { after: '1', cursor: '1' })],
    ],
    [
      'an assignment that is missing',
      { 'feed-complete': ['an assignment is not in the feed'] },
      [read('abc', { cursor: '3' }), read('', { after: '3', cursor: '3' })],
    ],
    [
      'an assignment without a request',
      { 'feed-true': ['a feed has an assignment that no client asked for'] },
      [read('abcdx', { cursor: '5' }, { ...IDS, x: '499376191816335368' })],
    ],
    [
      'another id than was acknowledged',
      { 'feed-true': ['a feed has another id than was acknowledged'] },
      [read('abcd', { cursor: '4' }, { ...IDS, b: '499376191816335368' })],
    ],
    [
      'two ids of a key',
      { 'feed-true': ['a feed has two ids for one key'] },
      [WHOLE, read('b', { after: '4', cursor: '5' }, { b: '499376191816335368' })],
    ],
    [
      'two keys of an id',
      { 'feed-true': ['a feed has two keys for one id'] },
      [WHOLE, read('a', { after: 'x', cursor: 'y' }, { a: IDS.b })],
    ],
    [
      'a group that moves back',
      { 'group-moves-forward': ['a group has moved back'] },
      [WHOLE, STEPS, commit('2'), consume('b', '2')],
    ],
    [
      'a group that is said to move back',
      {
        'group-moves-forward': ['a group was said to be where it had moved on from'],
      },
      [WHOLE, STEPS, commit('2'), commit('1')],
    ],
    [
      'a group that was not committed',
      { 'group-moves-forward': ['a group is where no commit has put it'] },
      [WHOLE, STEPS, consume('a', '1'), consume('b', '2')],
    ],
  ])('is rejected: %s', (_, expected, operations) => {
    expect(broken(ALL, ...operations)).toEqual(expected);
  });
});
