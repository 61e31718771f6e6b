/**
 * Finds what a method and a path stand for. A path is taken as it came: it is split first and decoded afterwards, so no
 * escape makes a slash, and there are no dots to follow.
 */

import { type Method, namesIn } from './route.ts';

export interface Routed {
  readonly method: Method;
  readonly path: string;
}

export type Match<R extends Routed> =
  | { readonly kind: 'route'; readonly route: R; readonly pathFields: Readonly<Record<string, string>> }
  /** The path exists with other methods. */
  | { readonly kind: 'method'; readonly path: string; readonly allow: string }
  | { readonly kind: 'none' }
  /** An escape in the path is broken, or stands for a control character. */
  | { readonly kind: 'malformed' };

interface Place<R> {
  readonly path: string;
  readonly byMethod: ReadonlyMap<string, R>;
  readonly allow: string;
  /** Undefined: any text. */
  readonly segments: readonly (string | undefined)[];
  readonly names: readonly string[];
}

const NO_FIELDS: Readonly<Record<string, string>> = {};

export class Router<R extends Routed> {
  /** Places without fields in their paths. */
  readonly #exact = new Map<string, Place<R>>();
  readonly #patterns: Place<R>[] = [];

  constructor(routes: readonly R[]) {
    for (const path of new Set(routes.map((route) => route.path))) {
      const here = routes.filter((route) => route.path === path);
      const byMethod = new Map<string, R>(here.map((route) => [route.method, route]));
      const get = byMethod.get('GET');
      if (get !== undefined) byMethod.set('HEAD', get);
      const place: Place<R> = {
        path,
        byMethod,
        allow: [...byMethod.keys(), 'OPTIONS'].join(', '),
        segments: path.split('/').map((segment) => (segment.startsWith('{') ? undefined : segment)),
        names: namesIn(path),
      };
      if (place.names.length === 0) this.#exact.set(path, place);
      else this.#patterns.push(place);
    }
  }

  /** @param path without the query */
  find(method: string, path: string): Match<R> {
    const exact = this.#exact.get(path);
    if (exact !== undefined) return matchAt(exact, method, NO_FIELDS);
    const given = path.split('/');
    const place = this.#patterns.find(({ segments }) => fits(segments, given));
    if (place === undefined) return { kind: 'none' };
    const fields: Record<string, string> = {};
    let next = 0;
    for (const [index, segment] of place.segments.entries()) {
      if (segment !== undefined) continue;
      const text = decodeSegment(given[index] as string);
      if (text === undefined) return { kind: 'malformed' };
      fields[place.names[next++] as string] = text;
    }
    return matchAt(place, method, fields);
  }
}

function matchAt<R extends Routed>(
  { byMethod, allow, path }: Place<R>,
  method: string,
  pathFields: Readonly<Record<string, string>>,
): Match<R> {
  const route = byMethod.get(method);
  return route === undefined ? { kind: 'method', path, allow } : { kind: 'route', route, pathFields };
}

function fits(segments: readonly (string | undefined)[], given: readonly string[]): boolean {
  if (segments.length !== given.length) return false;
  return segments.every((segment, index) => (segment === undefined ? isText(given[index]) : segment === given[index]));
}

/** Not empty, and not a step to another folder, which no client of ours sends. */
function isText(segment: string | undefined): boolean {
  return segment !== '' && segment !== '.' && segment !== '..';
}

function decodeSegment(segment: string): string | undefined {
  try {
    const text = decodeURIComponent(segment);
    return /\p{Cc}/u.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}
