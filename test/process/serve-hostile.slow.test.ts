/**
 * `snowstorm serve` against 10,000 hostile requests. Each gets a 4xx with a reason, memory stays bounded, nothing is
 * logged that anybody could cause at will, and the service goes on.
 */

import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { WeightedChoice } from '../../src/harness/drawing.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import {
  BODY_BYTES_MAX,
  HOSTILE_KINDS,
  type HostileRequest,
  type Tokens,
  validToken,
} from '../support/hostile-requests.ts';
import { Running, SNOWSTORM, until } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const REQUESTS = 10_000;
const WORKERS = 64;
/** Far above what the program needs, far below what a leak of every request would take. */
const RESIDENT_BYTES_MAX = 400 * 2 ** 20;
const GROWTH_BYTES_MAX = 150 * 2 ** 20;
const ANSWER_MS_MAX = 60_000;
const LOG_LENGTH_MAX = 10_000;

const folder = temporaryFolder();

/** Sends a request and returns everything that comes back until the connection is closed. */
function send(port: number, { parts, pauseMs = 0 }: HostileRequest): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    let next = 0;
    const socket = connect(port, '127.0.0.1');
    const end = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(text);
    };
    const timer = setTimeout(end, ANSWER_MS_MAX);
    const writeOn = () => {
      if (socket.destroyed || text !== '' || next === parts.length) return;
      socket.write(parts[next++] as string);
      if (pauseMs === 0) writeOn();
      else setTimeout(writeOn, pauseMs);
    };
    socket.setEncoding('latin1').on('data', (part) => (text += part));
    socket
      .on('connect', writeOn)
      .on('error', () => {})
      .on('end', end)
      .on('close', end);
  });
}

/** What is wrong with an answer; undefined if it is as it must be. */
function findProblem(text: string, statuses: readonly number[]): string | undefined {
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1]);
  if (!statuses.includes(status))
    return `expected ${statuses.join(' or ')}, received ${JSON.stringify(text.slice(0, 300))}`;
  const body = text.slice(text.indexOf('\r\n\r\n') + 4);
  const length = Number(/^content-length: (\d+)\r$/im.exec(text)?.[1]);
  if (body.length !== length) return `a body of ${length} bytes was cut: ${JSON.stringify(body.slice(0, 300))}`;
  const { detail, text: reason } = JSON.parse(body) as { detail?: string; text?: string };
  return (detail ?? reason ?? '') === '' ? `no reason: ${body}` : undefined;
}

it(`answers ${REQUESTS.toLocaleString('en-US')} hostile requests with a reason, and goes on`, {
  timeout: 600_000,
}, async () => {
  const secretFile = join(folder, 'secret');
  const tokens: Tokens = { secret: 'a secret of the hostile test, long enough', nowS: Math.floor(Date.now() / 1000) };
  writeFileSync(secretFile, tokens.secret);
  const limits = ['--max-body-bytes', `${BODY_BYTES_MAX}`, '--header-timeout', '2s', '--request-timeout', '4s'];
  const args = ['serve', '--listen', '127.0.0.1:0', '--store', 'memory', '--jwt-key', secretFile, ...limits];
  const running = new Running(SNOWSTORM, args);
  const address = () => /listening on (http:\S+),/.exec(running.stderr)?.[1];
  await until(
    () => address() !== undefined,
    () => running.stderr,
  );
  const url = address() as string;
  const port = Number(new URL(url).port);
  const metric = async (name: string) =>
    Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await (await fetch(`${url}/metrics`)).text())?.[1]);

  const random = new SeededRandom('hostile-1');
  const kinds = new WeightedChoice(HOSTILE_KINDS.map((kind) => [kind.weight, kind] as const));
  /** One of each kind. */
  const failures = new Map<string, string>();
  const tried = new Map<string, number>();
  let sent = 0;
  let warmBytes = 0;
  const work = async () => {
    while (sent < REQUESTS) {
      const number = sent++;
      if (number === REQUESTS / 5) warmBytes = await metric('process_resident_memory_bytes');
      const kind = kinds.draw(random);
      const request = kind.draw(random, tokens);
      const problem = findProblem(await send(port, request), request.statuses);
      tried.set(kind.name, (tried.get(kind.name) ?? 0) + 1);
      if (problem !== undefined)
        failures.set(
          kind.name,
          `${number}: ${problem}\n  for ${JSON.stringify(String(request.parts.join('')).slice(0, 600))}`,
        );
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));

  expect(Object.fromEntries(failures)).toEqual({});
  expect([...tried.keys()].sort()).toEqual(HOSTILE_KINDS.map(({ name }) => name).sort());
  const bytes = await metric('process_resident_memory_bytes');
  expect(bytes).toBeLessThan(RESIDENT_BYTES_MAX);
  expect(bytes - warmBytes).toBeLessThan(GROWTH_BYTES_MAX);
  // The request for the figures is in flight itself.
  await expect.poll(() => metric('snowstorm_http_requests_in_flight'), { timeout: 30_000 }).toBe(1);
  await expect.poll(() => metric('snowstorm_http_connections'), { timeout: 30_000 }).toBeLessThan(5);
  expect(await metric('snowstorm_http_body_bytes_held')).toBe(0);
  const answer = await fetch(`${url}/generate`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${validToken(tokens)}` },
  });
  expect(answer.status).toBe(200);
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  running.signal('SIGTERM');
  const { status, stderr } = await running.ended;
  expect(status).toBe(0);
  expect(stderr.length).toBeLessThan(LOG_LENGTH_MAX);
});
