/**
 * The wire reference, `src/workloads/MESSAGES.md`: the requests to a node and its answers. It is generated from the
 * declarations with which a node checks and answers, so it is true for the code. The meaning of a field is declared
 * with `.describe`.
 */

import * as z from 'zod';
import { Init } from '../../src/harness/init.ts';
import type { Handler } from '../../src/node/context.ts';
import { Health, Metrics } from '../../src/node/status.ts';
import { ERRORS, type ErrorDefinition } from '../../src/protocol/errors.ts';
import type { Fields } from '../../src/protocol/field-check.ts';
import { ErrorBody, InitRequest } from '../../src/protocol/message.ts';
import { defineRpc, type Rpc } from '../../src/protocol/rpc.ts';
import { WORKLOADS } from '../../src/workloads/registry.ts';
import type { Workload } from '../../src/workloads/workload.ts';
import { workloadPorts } from './memory-ports.ts';
import { TestNode } from './test-node.ts';
import type { Exchange } from './wire-examples.ts';

const INTRODUCTION = `# Messages

<!-- Written from the declarations by \`make docs\`; a test compares them. -->

All requests and replies, field by field. Every line is a message, \`{"src": …, "dest": …, "body": {…}}\`, and this is the
body. A request also has its \`type\` and a \`msg_id\`. A reply has its \`type\` and the \`msg_id\` of the request as
\`in_reply_to\`. More fields in a request are ignored; a reply has no others. A request that breaks its declaration gets
error 12, with the name of the field. The examples are one conversation with one node.

Integers are from -(2^53 - 1) to 2^53 - 1. Characters are UTF-16 code units. \`a[].b\` is the field \`b\` of each element of
the array \`a\`. \`a.*.b\` is the field \`b\` of each value in the object \`a\`.
`;

const ERROR_TEXT = `The reply to any request may be an error: \`{"type": "error", "in_reply_to": …, "code": 11, "text": "…"}\`. A definite error
promises that the request had no effect and never will. After another error, or an unknown code, the request is
undecided: it may have happened.
`;

/** Requests that belong together, with the names of the workloads that serve them. */
export interface Service {
  readonly title: string;
  readonly texts: readonly string[];
  readonly rpcs: readonly Rpc[];
}

/**
 * The requests that every node answers, then those of its workloads. Workloads with the same requests share a section.
 */
export async function findServices(workloads: readonly Workload[] = WORKLOADS): Promise<Service[]> {
  const byStart = new Map<Workload['start'], Workload[]>();
  for (const workload of workloads) byStart.set(workload.start, [...(byStart.get(workload.start) ?? []), workload]);
  const services: Service[] = [{ title: 'Every node', texts: [], rpcs: [initRpc(), Metrics, Health] }];
  for (const [start, served] of byStart) {
    services.push({
      title: served.map(({ name }) => name).join(', '),
      texts: served.map(({ name, text }) => `\`snowstorm test -w ${name}\`: ${lowerFirst(text)}`),
      rpcs: (await handlersOf(start)).map(({ rpc }) => rpc),
    });
  }
  return services;
}

/** The whole file. */
export function wireReference(
  services: readonly Service[],
  { examples = [], errors = ERRORS }: { examples?: readonly Exchange[]; errors?: readonly ErrorDefinition[] } = {},
): string {
  const parts = [
    INTRODUCTION,
    ...services.map((service) => describeService(service, examples)),
    describeErrors(errors),
  ];
  return parts.join('\n');
}

/** As a node checks it, which is stricter than what a harness sends. */
function initRpc(): Rpc {
  const { type: _type, msg_id: _messageId, ...request } = InitRequest.shape;
  return defineRpc(Init.type, Init.text, request, Init.fields.reply);
}

async function handlersOf(start: Workload['start']): Promise<readonly Handler[]> {
  let handlers: readonly Handler[] = [];
  await new TestNode(async (context) => {
    handlers = await start(context, workloadPorts(context));
    return handlers;
  }).init();
  return handlers;
}

function describeService({ title, texts, rpcs }: Service, examples: readonly Exchange[]): string {
  const sections = rpcs.map((rpc) => describeRpc(rpc, examples));
  return [`## ${title}\n`, ...texts.map((text) => `- ${text}`), ...(texts.length > 0 ? [''] : []), ...sections].join(
    '\n',
  );
}

function describeRpc({ type, replyType, text, fields }: Rpc, examples: readonly Exchange[]): string {
  const own = examples.filter(({ request }) => request.type === type);
  return `### ${type}

${text}

${describeFields(`\`${type}\``, fields.request)}

${describeFields(`\`${replyType}\``, fields.reply)}
${own.length === 0 ? '' : describeExamples(own)}`;
}

function describeExamples(examples: readonly Exchange[]): string {
  const lines = examples.flatMap(({ request, reply }) => [JSON.stringify(request), JSON.stringify(reply), '']);
  return ['', '```json', ...lines.slice(0, -1), '```', ''].join('\n');
}

function describeErrors(errors: readonly ErrorDefinition[]): string {
  const { type: _type, ...fields } = ErrorBody.shape;
  const rows = errors.map(({ code, name, definite, text }) => [String(code), name, definite ? 'yes' : 'no', text]);
  return `## Errors

${ERROR_TEXT}
${describeFields('`error`', fields)}

${table(['code', 'name', 'definite', 'meaning'], rows)}
`;
}

/** The parts of a JSON schema that are printed. */
interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema | boolean;
  readonly prefixItems?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly pattern?: string;
  readonly not?: unknown;
}

type Row = readonly [name: string, type: string, text: string];

function describeFields(title: string, fields: Fields): string {
  const rows = rowsOf(jsonSchema(fields), '');
  if (rows.length === 0) return `${title} has no fields.`;
  const told = rows.some(([, , text]) => text !== '');
  return told
    ? table([title, 'type', 'meaning'], rows)
    : table(
        [title, 'type'],
        rows.map((row) => row.slice(0, 2)),
      );
}

function jsonSchema(fields: Fields): JsonSchema {
  return z.toJSONSchema(z.object(fields), {
    unrepresentable: 'any',
    // What is an object of ours and no JSON goes to the wire as another member of its union.
    override: ({ zodSchema, jsonSchema: schema }) => {
      if (zodSchema._zod.def.type === 'custom') schema.not = {};
    },
  }) as JsonSchema;
}

/** A row for every field, and below it those for the fields of what it holds. */
function rowsOf({ properties = {}, required = [] }: JsonSchema, prefix: string): Row[] {
  return Object.entries(properties).flatMap(([name, schema]): Row[] => {
    const path = `${prefix}${name}`;
    const optional = required.includes(name) ? '' : ', optional';
    const [held, place] = innermost(schema, path);
    return [
      [`\`${path}\``, `${typeOf(schema)}${optional}`, schema.description ?? ''],
      ...(held.properties === undefined ? [] : rowsOf(held, `${place}.`)),
    ];
  });
}

/** The contents of arrays and of objects with arbitrary names, and the path to them. */
function innermost(schema: JsonSchema, path: string): [JsonSchema, string] {
  if (isSchema(schema.items)) return innermost(schema.items, `${path}[]`);
  if (isSchema(schema.additionalProperties)) return innermost(schema.additionalProperties, `${path}.*`);
  return [schema, path];
}

function typeOf(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.map(code).join(' or ');
  if (schema.const !== undefined) return code(schema.const);
  if (schema.anyOf !== undefined) {
    return schema.anyOf
      .filter(({ not }) => not === undefined)
      .map(insideOf)
      .join(' or ');
  }
  switch (schema.type) {
    case 'string':
      return `string${constraints(bounds(schema.minLength, schema.maxLength, 'character'), pattern(schema))}`;
    case 'integer':
    case 'number':
      return `${schema.type}${constraints(bounds(schema.minimum, schema.maximum))}`;
    case 'array':
      return `${arrayOf(schema)}${schema.prefixItems === undefined ? constraints(bounds(schema.minItems, schema.maxItems)) : ''}`;
    case 'object':
      return isSchema(schema.additionalProperties) ? `object of ${insideOf(schema.additionalProperties)}` : 'object';
    case undefined:
      return 'any JSON value';
    default:
      return [schema.type].flat().join(' or ');
  }
}

function arrayOf({ items, prefixItems }: JsonSchema): string {
  if (prefixItems !== undefined) return `array of ${prefixItems.map(insideOf).join(', then ')}`;
  return isSchema(items) ? `array of ${insideOf(items)}` : 'array';
}

/**
 * The type of the contents of an array or object: `string (1 to 128 characters)`. In parentheses, so that the bounds
 * are not read as those of the container.
 */
function insideOf(schema: JsonSchema): string {
  const [type, ...limits] = typeOf(schema).split(', ');
  return limits.length === 0 ? (type as string) : `${type} (${limits.join(', ')})`;
}

function constraints(...parts: readonly string[]): string {
  return parts
    .filter((part) => part !== '')
    .map((part) => `, ${part}`)
    .join('');
}

/** `1 to 10,000 characters`, `2 or more`; nothing for the bounds of every integer. */
function bounds(lowest: number | undefined, highest: number | undefined, unit?: string): string {
  const low = lowest === undefined || lowest === Number.MIN_SAFE_INTEGER ? undefined : number(lowest);
  const high = highest === undefined || highest === Number.MAX_SAFE_INTEGER ? undefined : number(highest);
  if (low === undefined && high === undefined) return '';
  if (unit !== undefined && lowest === 1 && high === undefined) return 'not empty';
  const range = high === undefined ? `${low} or more` : low === undefined ? `at most ${high}` : `${low} to ${high}`;
  return unit === undefined ? range : `${range} ${unit}s`;
}

function pattern({ pattern: source }: JsonSchema): string {
  return source === undefined ? '' : `matching \`${source}\``;
}

function isSchema(value: JsonSchema | boolean | undefined): value is JsonSchema {
  return typeof value === 'object';
}

function code(value: unknown): string {
  return `\`${JSON.stringify(value)}\``;
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)]
    .map((text) => text.replaceAll('|  |', '| |'))
    .join('\n');
}
