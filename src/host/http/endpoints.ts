/** The endpoints of an instance: routes that become messages, `POST /rpc`, and what tells about the instance itself. */

import { createHash } from 'node:crypto';
import { AUDIT_ROUTE, AuditRoute } from '../../api/audit-route.ts';
import { type Asked, AuditedClient, type Origin } from '../../api/audited.ts';
import type { NodeClient } from '../../api/node-client.ts';
import { encodeOpenApi } from '../../api/openapi.ts';
import { encodePage, PAGE_SCRIPT, PAGE_STYLE } from '../../api/page.ts';
import { unavailable } from '../../api/problems.ts';
import { encodeMetrics, type InstanceFigures } from '../../api/prometheus.ts';
import type { Route, RouteDescription } from '../../api/route.ts';
import { ROUTES } from '../../api/routes/routes.ts';
import { RpcRoute } from '../../api/rpc-route.ts';
import { type Answer, problemAnswer, requestIdForNode, Service } from '../../api/service.ts';
import { RPC_ROUTE, SYSTEM_ROUTES, type SystemRoute } from '../../api/system-routes.ts';
import type { AuditReader } from '../../audit/query.ts';
import type { AuditTrail } from '../../audit/trail.ts';
import type { PersonalHash } from '../../protocol/personal-hash.ts';
import type { Rpc } from '../../protocol/rpc.ts';
import { systemClock } from '../system.ts';
import { findMissingScope } from './access.ts';
import type { Endpoint } from './endpoint.ts';
import { newUuid } from './names.ts';

export interface EndpointsOptions {
  readonly client: NodeClient;
  /** What the node serves. A route of another message is left out. */
  readonly rpcs: readonly Rpc[];
  readonly personal: PersonalHash;
  /** Undefined: nothing is audited. */
  readonly audit: { readonly trail: AuditTrail; readonly reader: AuditReader } | undefined;
  readonly version: string;
  readonly figures: () => InstanceFigures;
  /** Why the instance does not serve, in words; undefined if it does. */
  readonly findTrouble: () => Promise<string | undefined>;
}

export function createEndpoints(options: EndpointsOptions): Endpoint[] {
  const { rpcs, personal, audit } = options;
  const types = new Set(rpcs.map(({ type }) => type));
  const routes = ROUTES.filter(({ rpc }) => types.has(rpc.type));
  const client: Asked = new AuditedClient(options.client, audit?.trail, personal);
  const service = new Service({ client, digest, newRequestId: () => newUuid(systemClock.wallMs()) });
  const answers = systemAnswers(audit === undefined ? routes : [...routes, AUDIT_ROUTE], options);
  return [
    ...SYSTEM_ROUTES.filter((route) => route !== RPC_ROUTE).map((route) => systemEndpoint(route, answers)),
    rpcEndpoint(new RpcRoute(client, rpcs)),
    ...routes.map((route) => routeEndpoint(route, service)),
    ...(audit === undefined ? [] : [auditEndpoint(new AuditRoute(audit.reader, personal, requestIdOf))]),
  ];
}

const requestIdOf = (text: string) => requestIdForNode(text, digest);

function digest(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('hex')}`;
}

function routeEndpoint(route: Route, service: Service): Endpoint {
  const { method, path, scope } = route;
  const name = `${method} ${path}`;
  const answer: Endpoint['answer'] = (raw, instance, { client: who }, trace) =>
    service.answer(route, raw, instance, { who, route: name, trace });
  return { method, path, scope, isOpen: false, isLimited: true, isSystem: false, answer };
}

function auditEndpoint(auditRoute: AuditRoute): Endpoint {
  const { method, path, scope } = AUDIT_ROUTE;
  const answer: Endpoint['answer'] = (raw, instance) => auditRoute.answer(raw, instance);
  return { method, path, scope, isOpen: false, isLimited: true, isSystem: false, answer };
}

/** The scope depends on the message, so it is checked when that is known. */
function rpcEndpoint(rpcRoute: RpcRoute): Endpoint {
  const { method, path, limited } = RPC_ROUTE;
  const answer: Endpoint['answer'] = ({ body }, instance, caller, trace) => {
    const read = rpcRoute.read(body);
    if ('answer' in read) return read.answer;
    const missing = findMissingScope(caller, read.scope);
    if (missing !== undefined) return problemAnswer(missing, instance);
    const origin: Origin = { who: caller.client, route: `${method} ${path}`, trace };
    return rpcRoute.answer(read.body, origin);
  };
  return { method, path, scope: undefined, isOpen: false, isLimited: limited, isSystem: false, answer };
}

type SystemAnswers = Readonly<Record<string, () => Answer | Promise<Answer>>>;

function systemEndpoint({ method, path, limited }: SystemRoute, answers: SystemAnswers): Endpoint {
  const answer = answers[path] as () => Answer | Promise<Answer>;
  return { method, path, scope: undefined, isOpen: true, isLimited: limited, isSystem: true, answer };
}

/** By path. */
function systemAnswers(
  routes: readonly RouteDescription[],
  { version, figures, findTrouble }: Pick<EndpointsOptions, 'version' | 'figures' | 'findTrouble'>,
): SystemAnswers {
  const typeOf = new Map(SYSTEM_ROUTES.map(({ path, type }) => [path, type]));
  const ok = (path: string, body: string, headers = {}): Answer => ({
    status: 200,
    type: typeOf.get(path) as string,
    body,
    headers,
  });
  const openApi = ok('/openapi.json', encodeOpenApi(routes, version));
  const page = ok('/', encodePage(routes, version), { 'Content-Security-Policy': PAGE_POLICY });
  return {
    '/healthz': () => ok('/healthz', '{"status":"ok"}'),
    '/readyz': async () => {
      const trouble = await findTrouble();
      if (trouble === undefined) return ok('/readyz', '{"status":"ready"}');
      return problemAnswer({ ...unavailable(trouble), code: 'not_ready' }, '/readyz');
    },
    '/metrics': () => ok('/metrics', encodeMetrics(figures())),
    '/state': async () => ok('/state', encodeState(figures(), await findTrouble())),
    '/openapi.json': () => openApi,
    '/': () => page,
  };
}

function encodeState({ http: _, storeCalls, ...figures }: InstanceFigures, trouble: string | undefined): string {
  const calls = Object.entries(storeCalls).map(([call, { outcomes }]) => [call, Object.fromEntries(outcomes)]);
  return JSON.stringify({ trouble, ...figures, storeCalls: Object.fromEntries(calls) });
}

const hashOf = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** Nothing but the page's own script and style runs, and it can ask this server only. */
const PAGE_POLICY = [
  "default-src 'none'",
  `script-src ${hashOf(PAGE_SCRIPT)}`,
  `style-src ${hashOf(PAGE_STYLE)}`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');
