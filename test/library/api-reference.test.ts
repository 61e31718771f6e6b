/** The reference of the package agrees with its declarations, each of which has a text; `make docs` writes it. */

import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type ApiExport, apiReference, findUntold, readExports } from '../support/api-reference.ts';

const FILE = 'src/library/API.md';
const exported = readExports();

describe('what the package exports', () => {
  it('has a text: every export, field, method and parameter, and what is thrown', () => {
    expect(findUntold(exported)).toEqual([]);
  });

  it('is found if it has none', () => {
    const part = { name: 'part', signature: 'part: string', text: '' };
    const told = {
      name: 'all',
      signature: 'const all: string',
      text: 'All.',
      members: [],
      parameters: [],
      throws: false,
    };
    const one = { ...told, from: 'snowstorm', file: 'rpc', example: '' };
    const untold = (change: Partial<ApiExport>) => findUntold([{ ...one, ...change }]);
    expect(untold({})).toEqual([]);
    expect(untold({ text: '' })).toEqual(['all']);
    expect(untold({ members: [part, { ...part, name: 'other', text: 'Told.' }] })).toEqual(['all.part']);
    expect(
      untold({
        parameters: [
          { name: 'a', isTold: false },
          { name: 'b', isTold: true },
        ],
      }),
    ).toEqual(['all(a)']);
    expect(untold({ throws: true })).toEqual(['all throws']);
    expect(untold({ throws: true, text: 'Throws a TypeError.' })).toEqual([]);
    expect(() => apiReference([{ ...one, file: 'elsewhere' }])).toThrow('has no group for all of elsewhere.ts');
  });

  it('has no private part in the reference, and each name once', () => {
    const members = exported.flatMap(({ name, members: own }) => own.map((member) => `${name}.${member.name}`));
    expect(members.filter((name) => /[#[]/.test(name))).toEqual([]);
    expect(members).toEqual(expect.arrayContaining(['NodeContext.rpc', 'KvClient.compareAndSet', 'Setup.nodeCount']));
    const names = exported.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it('is in the reference, as `make docs` writes it', () => {
    const text = apiReference(exported);
    if (process.env.UPDATE_DOCS === '1') writeFileSync(FILE, text);
    expect(readFileSync(FILE, 'utf8')).toBe(text);
  });
});
