/** The routes as OpenAPI 3.1, whose schemas are those of JSON Schema 2020-12, as zod writes them. */

import * as z from 'zod';
import { STATUS_TITLES } from './problems.ts';
import { namesIn, type Route } from './route.ts';
import { REQUEST_ID } from './routes/fields.ts';
import { SYSTEM_ROUTES } from './system-routes.ts';

type Json = Readonly<Record<string, unknown>>;

const PROBLEM_REF = { $ref: '#/components/schemas/Problem' };

/** Statuses that every route may answer. */
const COMMON_STATUSES = [400, 401, 403, 413, 414, 415, 429, 431, 500, 503, 504];

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

export function encodeOpenApi(routes: readonly Route[], version: string): string {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) at(paths, route)[route.method.toLowerCase()] = operationOf(route);
  for (const { method, path, summary, type } of SYSTEM_ROUTES) {
    const content = { [type.split(';')[0] as string]: {} };
    at(paths, { path })[method.toLowerCase()] = {
      summary,
      ...(path !== '/rpc' && { security: [] }),
      ...(path === '/rpc' && {
        requestBody: { required: true, ...jsonContent({ type: 'object', required: ['type'] }) },
      }),
      responses: { 200: { description: STATUS_TITLES[200], content } },
    };
  }
  return JSON.stringify({
    openapi: '3.1.0',
    info: { title: 'Snowstorm', version, summary: 'Ids, vouchers, profiles and transfers.' },
    security: [{ bearer: [] }, {}],
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      schemas: { Problem: schemaOf(ProblemSchema) },
    },
  });
}

function at(paths: Record<string, Record<string, Json>>, { path }: { readonly path: string }): Record<string, Json> {
  const operations = paths[path] ?? {};
  paths[path] = operations;
  return operations;
}

function operationOf(route: Route): Json {
  const { method, path, summary, fields, query, scope, status, reply, failures } = route;
  const all = (schemaOf(z.strictObject(fields)) as { properties: Record<string, Json>; required?: string[] }) ?? {};
  const inPath = new Set(namesIn(path));
  const inQuery = (name: string) => (method === 'GET' ? !inPath.has(name) : query.includes(name));
  const required = new Set(all.required);
  const parameters = Object.keys(fields)
    .filter((name) => inPath.has(name) || inQuery(name))
    .map((name) => ({
      name,
      in: inPath.has(name) ? 'path' : 'query',
      required: required.has(name),
      schema: all.properties[name],
    }));
  if (method === 'POST' && Object.hasOwn(fields, REQUEST_ID))
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
  const statuses = [...new Set([...COMMON_STATUSES, ...Object.keys(failures).map(Number)])].sort((a, b) => a - b);
  return {
    summary,
    security: [{ bearer: [scope] }],
    ...(parameters.length > 0 && { parameters }),
    ...(bodyNames.length > 0 && { requestBody: { required: body.required.length > 0, ...jsonContent(body) } }),
    responses: {
      [status]: { description: STATUS_TITLES[status], content: { 'application/json': { schema: schemaOf(reply) } } },
      ...Object.fromEntries(
        statuses.map((failed) => [
          failed,
          {
            description: failures[failed] ?? STATUS_TITLES[failed],
            content: { 'application/problem+json': { schema: PROBLEM_REF } },
          },
        ]),
      ),
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
