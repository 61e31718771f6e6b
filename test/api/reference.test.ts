/** What is made from the table of routes: OpenAPI, the page, the README. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { AUDIT_ROUTE } from '../../src/api/audit-route.ts';
import { encodeOpenApi } from '../../src/api/openapi.ts';
import { encodePage, PAGE_SCRIPT, PAGE_STYLE } from '../../src/api/page.ts';
import { namesIn } from '../../src/api/route.ts';
import { ROUTES } from '../../src/api/routes/routes.ts';
import { SYSTEM_ROUTES } from '../../src/api/system-routes.ts';

const DESCRIBED = [...ROUTES, AUDIT_ROUTE];
const ALL = [...DESCRIBED, ...SYSTEM_ROUTES];
const openApi = JSON.parse(encodeOpenApi(DESCRIBED, '1.2.3'));

describe('openapi.json', () => {
  it('has every route and no other', () => {
    const operations = Object.entries(openApi.paths as Record<string, object>).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(openApi.openapi).toBe('3.1.0');
    expect(operations.sort()).toEqual(ALL.map(({ method, path }) => `${method} ${path}`).sort());
  });

  it('describes parameters and bodies by the schemas of the table', () => {
    const { parameters } = openApi.paths['/api/vouchers/report'].get;
    expect(parameters).toContainEqual({ name: 'code', in: 'query', required: true, schema: expect.anything() });
    expect(parameters).toContainEqual({
      name: 'limit',
      in: 'query',
      required: false,
      schema: expect.objectContaining({ type: 'integer', minimum: 1, maximum: 1000 }),
    });
    const { requestBody, responses } = openApi.paths['/api/v1/transfers'].post;
    expect(requestBody.required).toBe(true);
    expect(openApi.paths['/generate'].post.requestBody.required).toBe(false);
    expect(requestBody.content['application/json'].schema).toMatchObject({
      type: 'object',
      additionalProperties: false,
      required: ['from', 'to', 'amount'],
      properties: { amount: { type: 'string' }, from: { type: 'string', minLength: 1, maxLength: 128 } },
    });
    expect(Object.keys(responses)).toEqual(expect.arrayContaining(['201', '400', '401', '404', '409', '422', '503']));
    for (const path of ['/api/v1/transfers', '/api/transactions'])
      for (const reason of ['insufficient_funds', 'payer_closed', 'payee_closed', 'payee_full'])
        expect(openApi.paths[path].post.responses[422].description).toContain(`\`${reason}\``);
    expect(responses[201].content['application/json'].schema.required).toEqual(['request_id', 'from', 'amount', 'to']);
  });

  it('has path parameters for all names in paths, and only references that lead somewhere', () => {
    for (const { method, path } of DESCRIBED) {
      const { parameters = [] } = openApi.paths[path][method.toLowerCase()];
      const inPath = (parameters as { name: string; in: string }[]).filter((parameter) => parameter.in === 'path');
      expect(inPath.map(({ name }) => name)).toEqual(namesIn(path));
    }
    const references = [...JSON.stringify(openApi).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, place]) => place);
    expect(references.length).toBeGreaterThan(0);
    for (const place of new Set(references)) {
      const found = (place as string).split('/').reduce((value, name) => value?.[name], openApi);
      expect(found, place).toBeDefined();
    }
  });
});

describe('the page', () => {
  const page = encodePage(DESCRIBED, '<1>');

  it('shows every route, and needs nothing from outside', () => {
    for (const { method, path } of ALL) expect(page).toContain(`<code>${method} ${path}</code>`);
    expect(page).not.toMatch(/https?:|src=|@import|url\(/);
    expect(page).toContain('Snowstorm &lt;1&gt;');
  });

  it('has its script and style exactly as the policy hashes them', () => {
    expect(page).toContain(`<script>${PAGE_SCRIPT}</script>`);
    expect(page).toContain(`<style>${PAGE_STYLE}</style>`);
    expect(PAGE_SCRIPT + PAGE_STYLE).not.toMatch(/<\//);
  });
});

describe('the README', () => {
  it('has a row for every route, as the table says', () => {
    const readme = readFileSync('src/api/README.md', 'utf8');
    const rows = DESCRIBED.map(({ method, path, fields, status, scope, summary }) => {
      const inPath = new Set(namesIn(path));
      const names = Object.keys(fields).filter((name) => !inPath.has(name));
      const cells = [`\`${method} ${path}\``, names.map((name) => `\`${name}\``).join(' '), status, scope, summary];
      return `| ${cells.join(' | ')} |`;
    });
    const system = SYSTEM_ROUTES.map(({ method, path, summary }) => `| \`${method} ${path}\` | ${summary} |`);
    for (const row of [...rows, ...system]) expect(readme).toContain(row);
  });
});
