/** The routes as OpenAPI 3.1, whose schemas are those of JSON Schema 2020-12, as zod writes them. */

import * as z from 'zod';
import { STATUS_TITLES, statusesOfErrors } from './problems.ts';
import { namesIn, type RouteDescription } from './route.ts';
import { REQUEST_ID } from './routes/fields.ts';
import { RPC_ROUTE, SYSTEM_ROUTES, type SystemRoute } from './system-routes.ts';

type Json = Readonly<Record<string, unknown>>;

const PROBLEM_CONTENT = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };
const WIRE_ERROR_CONTENT = { 'application/json': { schema: { $ref: '#/components/schemas/WireError' } } };

/** What every route may answer, by status. */
const COMMON_FAILURES: Readonly<Record<number, string>> = Object.fromEntries(
  [400, 401, 403, 408, 413, 414, 415, 417, 429, 431, 500, 503, 504].map((status) => [
    status,
    STATUS_TITLES[status] as string,
  ]),
);

const ProblemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  instance: z.string(),
  code: z.string().describe('A stable word.'),
  message: z.string().describe('The same as detail.'),
  error: z.object({ code: z.int(), text: z.string() }).optional().describe("The node's error, as on the wire."),
});

const WireErrorSchema = z
  .object({ type: z.literal('error'), code: z.int(), text: z.string() })
  .describe('What the node answers when it refuses.');

export function encodeOpenApi(routes: readonly RouteDescription[], version: string): string {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) at(paths, route)[route.method.toLowerCase()] = operationOf(route);
  for (const route of SYSTEM_ROUTES)
    at(paths, route)[route.method.toLowerCase()] = route === RPC_ROUTE ? rpcOperation() : systemOperation(route);
  return JSON.stringify({
    openapi: '3.1.0',
    info: { title: 'Snowstorm', version, summary: 'Ids, vouchers, profiles and transfers.' },
    security: [{ bearer: [] }, {}],
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      schemas: { Problem: schemaOf(ProblemSchema), WireError: schemaOf(WireErrorSchema) },
    },
  });
}

function systemOperation({ summary, type, failures = {} }: SystemRoute): Json {
  const content = { [type.split(';')[0] as string]: {} };
  return {
    summary,
    security: [],
    responses: { 200: { description: STATUS_TITLES[200], content }, ...problems(failures) },
  };
}

/** The bodies of messages are in the reference of the wire. */
function rpcOperation(): Json {
  const message = jsonContent({ type: 'object', properties: { type: { type: 'string' } }, required: ['type'] });
  const byNode = statusesOfErrors().map((status) => [
    status,
    { description: STATUS_TITLES[status], content: { ...PROBLEM_CONTENT, ...WIRE_ERROR_CONTENT } },
  ]);
  return {
    summary: RPC_ROUTE.summary,
    requestBody: { required: true, ...message },
    responses: {
      200: { description: STATUS_TITLES[200], ...message },
      ...problems(COMMON_FAILURES),
      ...Object.fromEntries(byNode),
    },
  };
}

/** @param texts descriptions by status */
function problems(texts: Readonly<Record<number, string>>): Json {
  const responses = Object.entries(texts).map(([status, text]) => [
    status,
    { description: text, content: PROBLEM_CONTENT },
  ]);
  return Object.fromEntries(responses);
}

function at(paths: Record<string, Record<string, Json>>, { path }: { readonly path: string }): Record<string, Json> {
  const operations = paths[path] ?? {};
  paths[path] = operations;
  return operations;
}

function operationOf(route: RouteDescription): Json {
  const { method, path, summary, fields, query, scope, status, reply, failures } = route;
  const all = (schemaOf(z.strictObject(fields)) as { properties: Record<string, Json>; required?: string[] }) ?? {};
  const inPath = new Set(namesIn(path));
  const inQuery = (name: string) => (method === 'POST' ? query.includes(name) : !inPath.has(name));
  const required = new Set(all.required);
  const parameters = Object.keys(fields)
    .filter((name) => inPath.has(name) || inQuery(name))
    .map((name) => ({
      name,
      in: inPath.has(name) ? 'path' : 'query',
      required: required.has(name),
      schema: all.properties[name],
    }));
  if (method !== 'GET' && Object.hasOwn(fields, REQUEST_ID))
    parameters.push({
      name: 'Idempotency-Key',
      in: 'header',
      required: false,
      schema: { type: 'string', maxLength: 255, description: 'Stands for request_id.' },
    });
  const bodyNames = Object.keys(fields).filter((name) => method === 'POST' && !inPath.has(name));
  const body = {
    type: 'object',
    properties: Object.fromEntries(bodyNames.map((name) => [name, all.properties[name]])),
    required: bodyNames.filter((name) => required.has(name) && name !== REQUEST_ID),
    additionalProperties: false,
  };
  return {
    summary,
    security: [{ bearer: [scope] }],
    ...(parameters.length > 0 && { parameters }),
    ...(bodyNames.length > 0 && { requestBody: { required: body.required.length > 0, ...jsonContent(body) } }),
    responses: {
      [status]: { description: STATUS_TITLES[status], content: { 'application/json': { schema: schemaOf(reply) } } },
      ...problems({ ...COMMON_FAILURES, ...failures }),
    },
  };
}

function jsonContent(schema: Json): Json {
  return { content: { 'application/json': { schema } } };
}

function schemaOf(schema: z.ZodType): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return rest;
}
