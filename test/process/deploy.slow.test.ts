/** The commands of the deployment files, run as processes on this machine: nothing but hosts and folders differs. */

import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { freePorts } from '../../src/host/deployment/ports.ts';
import { deployPath, instruction, listsOf } from '../support/deployment.ts';
import { findEtcd } from '../support/etcd.ts';
import { findProgram } from '../support/programs.ts';
import { ServiceClient } from '../support/service-client.ts';
import { Running, until } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const TIMEOUT_MS = 180_000;

const etcd = findEtcd('the deployment files');
const haproxy = findProgram('the load balancer of the compose file', { names: ['haproxy'], debian: 'haproxy' });
const folder = temporaryFolder();
const client = new ServiceClient();
const running: Running[] = [];

afterEach(() => {
  for (const program of running.splice(0)) program.signal('SIGKILL');
});

describe.skipIf(etcd === undefined)('three instances on three members', () => {
  it.skipIf(haproxy === undefined)(
    'of the compose file serve behind its balancer',
    { timeout: TIMEOUT_MS },
    async () => {
      const commands = listsOf('compose.yaml', 'command');
      expect(commands).toHaveLength(5);
      const [instance, ...rest] = commands as [string[], ...string[][]];
      const balancer = rest.at(-1) as string[];
      const ports = await startMembers(rest.slice(0, 3), (index) => `etcd-${index + 1}`);
      const instances = await startInstances(instance, ports, (index) => `etcd-${index + 1}`);
      const [port] = await freePorts(1);
      start(
        haproxy as string,
        balancer.slice(1).map((word) => (word === '/etc/haproxy/haproxy.cfg' ? deployPath('haproxy.cfg') : word)),
        {
          LISTEN: `127.0.0.1:${port}`,
          ...Object.fromEntries(instances.map(({ host }, index) => [`INSTANCE_${index + 1}`, host])),
        },
      );
      const url = `http://127.0.0.1:${port}`;
      await ready(url);
      await expectTransfers(url, 'before');
      instances[0]?.program.signal('SIGKILL');
      await expectTransfers(url, 'after');
    },
  );

  it('of the manifests for Kubernetes serve', { timeout: TIMEOUT_MS }, async () => {
    const [member] = listsOf('kubernetes/etcd.yaml', 'args');
    const [instance] = listsOf('kubernetes/snowstorm.yaml', 'args');
    const members = [0, 1, 2].map((index) =>
      (member as string[]).map((word) => word.replaceAll('$(NAME)', `etcd-${index}`)),
    );
    const ports = await startMembers(members, (index) => `etcd-${index}.etcd`);
    const instances = await startInstances(instance as string[], ports, (index) => `etcd-${index}.etcd`);
    for (const { host } of instances) await expectTransfers(`http://${host}`, host);
  });
});

it('the image of an instance starts one on a folder, and its health check sees it', {
  timeout: TIMEOUT_MS,
}, async () => {
  const [port] = await freePorts(1);
  const place = (word: string) =>
    word
      .replaceAll(/0\.0\.0\.0:8080|127\.0\.0\.1:8080/g, `127.0.0.1:${port}`)
      .replace(/^\/data$/, join(folder, 'data'));
  const [program, ...words] = [...instruction('service', 'ENTRYPOINT'), ...instruction('service', 'CMD')].map(place);
  start(program as string, words);
  await ready(`http://127.0.0.1:${port}`);
  const [check, ...checkWords] = instruction('service', 'HEALTHCHECK').map(place);
  expect(spawnSync(check as string, checkWords).status).toBe(0);
  await expectTransfers(`http://127.0.0.1:${port}`, 'image');
});

/** Resolves to the members' ports for clients. */
async function startMembers(
  commands: readonly (readonly string[])[],
  hostOf: (index: number) => string,
): Promise<readonly number[]> {
  const ports = await freePorts(6);
  const [program] = instruction('etcd', 'ENTRYPOINT');
  expect(program).toBe('etcd');
  for (const [index, words] of commands.entries()) {
    const data = join(folder, `member-${ports[index]}`);
    mkdirSync(data, { mode: 0o700 });
    const place = (word: string) =>
      [0, 1, 2]
        .reduce(
          (text, other) =>
            text
              .replaceAll(`//${hostOf(other)}:2379`, `//127.0.0.1:${ports[other]}`)
              .replaceAll(`//${hostOf(other)}:2380`, `//127.0.0.1:${ports[3 + other]}`),
          word,
        )
        .replace('//0.0.0.0:2379', `//127.0.0.1:${ports[index]}`)
        .replace('//0.0.0.0:2380', `//127.0.0.1:${ports[3 + index]}`)
        .replace('/data/', `${data}/`);
    start(etcd as string, words.map(place));
  }
  return ports;
}

async function startInstances(
  words: readonly string[],
  memberPorts: readonly number[],
  hostOf: (index: number) => string,
): Promise<{ host: string; program: Running }[]> {
  const ports = await freePorts(3);
  await until(
    async () => (await client.send(`http://127.0.0.1:${memberPorts[0]}`, 'GET', '/health')).json.health === 'true',
    () => 'etcd is not healthy',
  );
  const instances = ports.map((port) => {
    const place = (word: string) =>
      [0, 1, 2]
        .reduce((text, index) => text.replace(`//${hostOf(index)}:2379`, `//127.0.0.1:${memberPorts[index]}`), word)
        .replace('0.0.0.0:8080', `127.0.0.1:${port}`);
    const [program, ...entry] = instruction('service', 'ENTRYPOINT');
    return { host: `127.0.0.1:${port}`, program: start(program as string, [...entry, ...words.map(place)]) };
  });
  for (const { host } of instances) await ready(`http://${host}`);
  return instances;
}

function start(program: string, words: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const started = new Running(program, words, { cwd: PROJECT, env });
  running.push(started);
  return started;
}

async function ready(url: string): Promise<void> {
  const status = async () => (await client.send(url, 'GET', '/readyz')).status;
  await until(
    async () => (await status()) === 200,
    () => `${url} is not ready: ${running.map(({ stderr }) => stderr).join('')}`,
  );
}

/** Ten transfers, each sent until it is answered. */
async function expectTransfers(url: string, name: string): Promise<void> {
  const post = async (path: string, body: Readonly<Record<string, unknown>>) => {
    let answer = await client.send(url, 'POST', path, body);
    await until(
      async () => {
        if (answer.status >= 500 || answer.status === 0) answer = await client.send(url, 'POST', path, body);
        return answer.status < 500 && answer.status > 0;
      },
      () => `${path}: ${answer.status} ${answer.text} ${answer.error}`,
    );
    return answer;
  };
  const accounts = [`${name}-a`, `${name}-b`];
  for (const account of accounts)
    expect((await post('/api/v1/accounts', { name: account, balance: '10.00' })).status).toBe(201);
  const transfers = Array.from({ length: 10 }, (_, index) =>
    post('/api/v1/transfers', { from: accounts[0], to: accounts[1], amount: '0.50', request_id: `${name}-${index}` }),
  );
  expect((await Promise.all(transfers)).map(({ status }) => status)).toEqual(transfers.map(() => 201));
  expect((await client.send(url, 'GET', `/api/v1/accounts/${accounts[1]}`)).json.balance).toBe('15.00');
}
