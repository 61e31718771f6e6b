/** The router: paths as they came, tables of routes. */

import { describe, expect, it } from 'vitest';
import { Router } from '../../src/api/router.ts';

const ROUTES = [
  { method: 'GET', path: '/' },
  { method: 'GET', path: '/things' },
  { method: 'POST', path: '/things' },
  { method: 'POST', path: '/things/find' },
  { method: 'GET', path: '/things/{name}' },
  { method: 'GET', path: '/things/{name}/parts/{part}' },
] as const;
const router = new Router(ROUTES);

describe('the router', () => {
  it.each([
    ['GET', '/', 0, {}],
    ['GET', '/things', 1, {}],
    ['HEAD', '/things', 1, {}],
    ['POST', '/things', 2, {}],
    ['POST', '/things/find', 3, {}],
    ['GET', '/things/a', 4, { name: 'a' }],
    ['HEAD', '/things/a', 4, { name: 'a' }],
    ['GET', '/things/a%2Fb%20c+d', 4, { name: 'a/b c+d' }],
    ['GET', '/things/%2e%2e', 4, { name: '..' }],
    ['GET', '/things/%C3%A4/parts/7', 5, { name: 'ä', part: '7' }],
  ] as const)('%s %s is found', (method, path, index, pathFields) => {
    expect(router.find(method, path)).toEqual({ kind: 'route', route: ROUTES[index], pathFields });
  });

  it.each([
    '',
    '//',
    '/Things',
    '/things/',
    '//things',
    '/things/a/',
    '/things/..',
    '/things/.',
    '/things/a/parts',
    '/things/a/parts/',
    '/things/../things',
    '/things/a/parts/7/8',
    'things',
    '*',
  ])('%j is nowhere', (path) => {
    expect(router.find('GET', path)).toEqual({ kind: 'none' });
  });

  it.each(['/things/%', '/things/%zz', '/things/%C3', '/things/%00', '/things/a%0d%0ab', '/things/%7f'])(
    '%s is malformed',
    (path) => {
      expect(router.find('GET', path)).toEqual({ kind: 'malformed' });
    },
  );

  it('tells the methods of a path', () => {
    expect(router.find('DELETE', '/things')).toEqual({
      kind: 'method',
      path: '/things',
      allow: 'GET, POST, HEAD, OPTIONS',
    });
    expect(router.find('POST', '/things/a')).toEqual({
      kind: 'method',
      path: '/things/{name}',
      allow: 'GET, HEAD, OPTIONS',
    });
    // What is written out goes before what has a name: this one is no name.
    expect(router.find('GET', '/things/find')).toMatchObject({ kind: 'method', allow: 'POST, OPTIONS' });
  });
});
