/** The wire reference agrees with the declarations; `make docs` writes it. */

import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { ERRORS } from '../../src/protocol/errors.ts';
import type { Fields } from '../../src/protocol/field-check.ts';
import { defineRpc, findReplyProblem, type Rpc } from '../../src/protocol/rpc.ts';
import { Texts } from '../../src/protocol/text-list.ts';
import { WORKLOADS } from '../../src/workloads/registry.ts';
import { findExamples } from '../support/wire-examples.ts';
import { findServices, type Service, wireReference } from '../support/wire-reference.ts';

const FILE = new URL('../../src/workloads/MESSAGES.md', import.meta.url);

describe('the wire reference', () => {
  it('agrees with the declarations', async () => {
    const text = wireReference(await findServices(), { examples: await findExamples() });
    if (process.env.UPDATE_DOCS === '1') writeFileSync(FILE, text);
    expect(readFileSync(FILE, 'utf8')).toBe(text);
  });

  it('names every workload, and each of its requests once', async () => {
    const services = await findServices();
    const titles = services.flatMap(({ title }) => title.split(', '));
    expect(titles).toEqual(expect.arrayContaining(['Every node', ...WORKLOADS.map(({ name }) => name)]));
    const types = services.flatMap(({ rpcs }) => rpcs.map(({ type }) => type));
    expect(types).toEqual(
      expect.arrayContaining(['init', 'metrics', 'health', 'echo', 'generate', 'redeem', 'transfer']),
    );
    for (const { rpcs } of services) expect(new Set(rpcs.map(({ type }) => type)).size).toBe(rpcs.length);
  });

  it('has the same examples every time, each of an existing request with a valid reply', async () => {
    const examples = await findExamples();
    expect(await findExamples()).toEqual(examples);
    const rpcs = (await findServices()).flatMap((service) => service.rpcs);
    for (const { request, reply } of examples) {
      const rpc = rpcs.find(({ type }) => type === request.type) as Rpc;
      expect(rpc.request.safeParse(request).success, request.type).toBe(true);
      if (reply.type !== 'error') expect(findReplyProblem(rpc, reply), request.type).toBeUndefined();
    }
  });

  it('changes when an error changes', async () => {
    const services = await findServices();
    const errors = ERRORS.map((error) => (error.code === 14 ? { ...error, definite: !error.definite } : error));
    expect(wireReference(services, { errors })).not.toBe(wireReference(services));
  });
});

const FIELDS = {
  count: z.int().min(1).max(10_000).exactOptional(),
  kind: z.enum(['unique', 'uuid']),
  list: z.array(z.object({ name: z.string().min(1).max(8) })).max(3),
} satisfies Fields;

function service(request: Fields, reply: Fields = {}, text = 'Does what it is told.'): Service {
  return { title: 'made-up', texts: [], rpcs: [defineRpc('do', text, request, reply)] };
}

const told = (request: Fields, reply?: Fields, text?: string) => wireReference([service(request, reply, text)]);

describe('a schema', () => {
  it.each<[string, Fields]>([
    ['that allows more', { ...FIELDS, count: z.int().min(1).max(10_001).exactOptional() }],
    ['that allows less', { ...FIELDS, count: z.int().min(2).max(10_000).exactOptional() }],
    ['with another type', { ...FIELDS, count: z.number().min(1).max(10_000).exactOptional() }],
    ['whose field must be there', { ...FIELDS, count: z.int().min(1).max(10_000) }],
    ['whose field means something', { ...FIELDS, kind: FIELDS.kind.describe('Which kind.') }],
    ['with another word', { ...FIELDS, kind: z.enum(['unique', 'uuid', 'other']) }],
    ['with a pattern', { ...FIELDS, list: z.array(z.object({ name: z.string().min(1).max(8).regex(/^a/) })).max(3) }],
    ['with other things in a list', { ...FIELDS, list: z.array(z.object({ name: z.string().min(1) })).max(3) }],
    ['with a longer list', { ...FIELDS, list: z.array(z.object({ name: z.string().min(1).max(8) })).max(4) }],
    ['with a field more', { ...FIELDS, more: z.unknown() }],
    ['with a field less', { count: FIELDS.count, kind: FIELDS.kind }],
  ])('%s changes the text, of a request and of a reply', (_, changed) => {
    expect(told(changed)).not.toBe(told(FIELDS));
    expect(told({}, changed)).not.toBe(told({}, FIELDS));
  });

  it('changes the text with its description', () => {
    expect(told(FIELDS, {}, 'Does something else.')).not.toBe(told(FIELDS));
  });

  it.each<[string, z.ZodType, string]>([
    ['a bounded integer', z.int().min(1).max(10_000), 'integer, 1 to 10,000'],
    ['an integer that is not negative', z.int().nonnegative(), 'integer, 0 or more'],
    ['any integer', z.int(), 'integer'],
    ['a number with an upper bound', z.number().max(0.5), 'number, at most 0.5'],
    ['a text', z.string(), 'string'],
    ['a bounded text', z.string().min(1).max(128), 'string, 1 to 128 characters'],
    ['a text that is not empty', z.string().min(1), 'string, not empty'],
    ['a text with a pattern', z.string().regex(/^[a-z]$/), 'string, matching `^[a-z]$`'],
    ['one of some words', z.enum(['unique', 'uuid']), '`"unique"` or `"uuid"`'],
    ['one word', z.literal('init'), '`"init"`'],
    ['a bounded array', z.array(z.string()).min(1).max(10_000), 'array of string, 1 to 10,000'],
    [
      'an array of bounded texts',
      z.array(z.string().max(8)).max(3),
      'array of string (at most 8 characters), at most 3',
    ],
    ['a tuple', z.tuple([z.string(), z.int()]), 'array of string, then integer'],
    ['an object with any names', z.record(z.string(), z.record(z.string(), z.int())), 'object of object of integer'],
    ['a union', z.union([z.string().max(3), z.int()]), 'string (at most 3 characters) or integer'],
    ['what may be null', z.string().nullable(), 'string or null'],
    ['what may be missing', z.boolean().exactOptional(), 'boolean, optional'],
    ['anything', z.unknown(), 'any JSON value'],
    ['texts, however they are kept', Texts, 'array of string'],
  ])('is described in words: %s', (_, schema, words) => {
    expect(told({ field: schema })).toContain(`\n| \`field\` | ${words} |\n`);
  });

  it('is described with its inner fields', () => {
    const inside = z.object({ deep: z.int().describe('Deep down.') });
    const text = told({ list: z.array(inside), named: z.record(z.string(), z.array(inside)), pair: inside });
    for (const path of ['list[].deep', 'named.*[].deep', 'pair.deep'])
      expect(text).toContain(`\n| \`${path}\` | integer | Deep down. |\n`);
  });
});
