/** Routes about the service itself, as data. The host answers them; none needs a token, but `POST /rpc`. */

import type { Method } from './route.ts';

export interface SystemRoute {
  readonly method: Method;
  readonly path: string;
  readonly summary: string;
  /** The media type of the answer. */
  readonly type: string;
  /** Whether the rate limit holds for it. Probes must be answered even under overload. */
  readonly limited: boolean;
  /** What it answers beside 200, by status, for people. */
  readonly failures?: Readonly<Record<number, string>>;
}

export const RPC_ROUTE: SystemRoute = {
  method: 'POST',
  path: '/rpc',
  summary: 'Any message of the served workloads: body in, body out.',
  type: 'application/json',
  limited: true,
};

export const SYSTEM_ROUTES: readonly SystemRoute[] = [
  RPC_ROUTE,
  {
    method: 'GET',
    path: '/healthz',
    summary: 'Whether the process is alive.',
    type: 'application/json',
    limited: false,
  },
  {
    method: 'GET',
    path: '/readyz',
    summary: 'Whether it serves: it has started, is not ending, and the store answers.',
    type: 'application/json',
    limited: false,
    failures: { 503: 'It does not serve, and why.' },
  },
  {
    method: 'GET',
    path: '/metrics',
    summary: 'Figures in the text format of Prometheus.',
    type: 'text/plain; version=0.0.4; charset=utf-8',
    limited: false,
  },
  { method: 'GET', path: '/state', summary: 'Figures as JSON.', type: 'application/json', limited: true },
  {
    method: 'GET',
    path: '/openapi.json',
    summary: 'This reference for programs, OpenAPI 3.1.',
    type: 'application/json',
    limited: true,
  },
  { method: 'GET', path: '/', summary: 'This page.', type: 'text/html; charset=utf-8', limited: true },
];
