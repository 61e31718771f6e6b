/** The bed of services, with real instances of `bin/snowstorm serve`. */

import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { NodeHandle } from '../../../src/harness/bed.ts';
import { openDataFolder } from '../../../src/host/data-folder.ts';
import { listens } from '../../../src/host/deployment/ports.ts';
import { ServiceBed } from '../../../src/host/deployment/service-bed.ts';
import { HttpInstance } from '../../support/http-instance.ts';
import { processesThatName, SNOWSTORM, until } from '../../support/snowstorm-process.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const UNAVAILABLE = 11;
const CRASH = 13;

const folder = temporaryFolder();
const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

interface Reply {
  readonly type: string;
  readonly code?: number;
  readonly text?: string;
}

/** A bed of real instances. The name of their program is on the command line of each of them, and nowhere else. */
class Services {
  readonly logFolder = join(folder, randomUUID());
  readonly bed: ServiceBed;
  readonly said: string[] = [];
  readonly #program = join(folder, randomUUID());

  constructor(...args: string[]) {
    symlinkSync(SNOWSTORM, this.#program);
    this.bed = new ServiceBed({
      instances: {
        program: this.#program,
        args: ['serve'],
        argsOf: (nodeId) => args.map((word) => word.replace('NODE', nodeId)),
        logFolder: this.logFolder,
        onStderr: (nodeId, line) => this.said.push(`${nodeId}: ${line}`),
      },
    });
    ends.push(() => this.bed.close());
  }

  /** Starts a life and sends `init`. */
  start(nodeId: string): Life {
    return new Life(this.bed, nodeId);
  }

  async startReady(nodeId: string): Promise<Life> {
    const life = this.start(nodeId);
    await life.untilReady();
    return life;
  }

  ask(nodeId: string, body: Readonly<Record<string, unknown>> = { type: 'generate' }): Promise<Reply> {
    return new Promise((resolve) => this.bed.ask(nodeId, body, (text) => resolve(JSON.parse(text))));
  }

  log(nodeId: string): string {
    const path = join(this.logFolder, `${nodeId}.log`);
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  /** Where the lives of a node have listened. */
  urls(nodeId: string): string[] {
    return [...this.log(nodeId).matchAll(/listening on ([^,]+)/g)].map(([, url]) => url as string);
  }

  alive(): string[] {
    return processesThatName(this.#program);
  }

  /** The only process. */
  get pid(): number {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && commandOf(name).includes(this.#program));
    expect(pids).toHaveLength(1);
    return Number(pids[0]);
  }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return ''; // It ended meanwhile.
  }
}

/** A life of a node, and its events. */
class Life {
  readonly handle: NodeHandle;
  readonly lines: string[] = [];
  readonly exits: string[] = [];

  constructor(bed: ServiceBed, nodeId: string) {
    const unexpected = () => {
      throw new Error('only lines and exits come from a service');
    };
    this.handle = bed.startNode(nodeId, {
      onLine: (line) => this.lines.push(line),
      onMessage: unexpected,
      onUnreadable: unexpected,
      onOutputClosed: unexpected,
      onExit: (how) => this.exits.push(how),
    });
    const body = { type: 'init', node_id: nodeId, node_ids: [nodeId], msg_id: 7 };
    this.handle.deliver(JSON.stringify({ id: 0, src: 'c1', dest: nodeId, body }));
  }

  async untilReady(): Promise<void> {
    await until(
      () => this.lines.length > 0,
      () => `${this.handle.findTrouble?.()} ${this.exits}`,
    );
  }
}

describe('an instance', () => {
  it('answers init when it is ready, and requests over HTTP', async () => {
    const services = new Services('--store', 'memory');
    const life = services.start('n1');
    expect(await services.ask('n1')).toMatchObject({
      code: UNAVAILABLE,
      text: 'no connection: it does not listen yet',
    });
    expect(life.handle.findTrouble?.()).toMatch(/^it has not said that it listens, as serve does/);
    await life.untilReady();
    const body = { type: 'init_ok', in_reply_to: 7 };
    expect(life.lines.map((line) => JSON.parse(line))).toEqual([{ src: 'n1', dest: 'c1', body }]);
    expect(life.handle.findTrouble?.()).toBeUndefined();
    expect(await services.ask('n1')).toMatchObject({ type: 'generate_ok' });
    const unknown = { type: 'redeem', code: 'none', user: 'u', request_id: 'r' };
    expect(await services.ask('n1', unknown)).toMatchObject({ type: 'error', code: 20 });
    expect(services.said).toEqual([`n1: snowstorm serve: listening on ${services.urls('n1')[0]}, store memory`]);
  });

  it('that is killed breaks its requests, refuses later ones, and comes back on its port', async () => {
    const services = new Services('--store', join(folder, randomUUID()));
    const create = (limit: number) => ({ type: 'voucher_create', code: 'v', limit, amount: 1 });
    const first = await services.startReady('n1');
    expect((await services.ask('n1', create(5))).type).toBe('voucher_create_ok');
    // Paused, it has the requests and cannot answer.
    first.handle.pause();
    const broken = [1, 2, 3].map((user) =>
      services.ask('n1', { type: 'redeem', code: 'v', user: `u${user}`, request_id: `r${user}` }),
    );
    await new Promise((resolve) => setTimeout(resolve, 200));
    await first.handle.kill();
    for (const reply of await Promise.all(broken)) expect(reply).toMatchObject({ type: 'error', code: CRASH });
    expect(await services.ask('n1')).toMatchObject({ code: UNAVAILABLE, text: 'no connection: ECONNREFUSED' });
    expect(services.alive()).toEqual([]);

    const second = await services.startReady('n1');
    // What the first life was told is there.
    expect(await services.ask('n1', create(6))).toMatchObject({ type: 'error', code: 21 });
    expect(new Set(services.urls('n1'))).toHaveProperty('size', 1);
    expect(services.urls('n1')).toHaveLength(2);
    expect(services.log('n1')).toContain('\n--- snowstorm: life 2 ---\n');
    expect([...first.exits, ...second.exits]).toEqual([]);
  });

  it('that is paused answers when it is resumed', async () => {
    const services = new Services('--store', 'memory');
    const [paused] = [await services.startReady('n1'), await services.startReady('n2')];
    paused.handle.pause();
    let answered = false;
    const reply = services.ask('n1').then((late) => {
      answered = true;
      return late;
    });
    // Longer than a running instance takes to answer.
    for (let round = 0; round < 50; round++) await services.ask('n2');
    expect(answered).toBe(false);
    paused.handle.resume();
    expect(await reply).toMatchObject({ type: 'generate_ok' });
  });

  it('that ends by itself is reported with its last words', async () => {
    const services = new Services('--store', 'memory');
    const life = await services.startReady('n1');
    process.kill(services.pid, 'SIGTERM');
    await until(
      () => life.exits.length > 0,
      () => 'it has not ended',
    );
    expect(life.exits).toEqual([expect.stringMatching(/^exit status 0; its last words were: .*ending at SIGTERM/)]);
    // It is not started again by itself.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(services.alive()).toEqual([]);
  });

  it('that cannot read its arguments is reported, not started again', async () => {
    const services = new Services('--store', 'memory', '--no-such-option');
    const life = services.start('n1');
    await until(
      () => life.exits.length > 0,
      () => 'it has not ended',
    );
    expect(life.exits).toEqual([expect.stringMatching(/^exit status 254; its last words were: .*--no-such-option/)]);
    expect(life.lines).toEqual([]);
  });

  it('that is not there is reported', () => {
    const bed = new ServiceBed({
      instances: { program: join(folder, 'none'), args: [], argsOf: () => [], logFolder: join(folder, randomUUID()) },
    });
    ends.push(() => bed.close());
    const life = new Life(bed, 'n1');
    return until(
      () => life.exits.some((how) => how.startsWith('it could not be started')),
      () => `${life.exits}`,
    );
  });
});

describe('an instance whose store cannot be opened', () => {
  it('is started again until it can, in the same life', async () => {
    const path = join(folder, randomUUID());
    const store = await openDataFolder(path, { onFailure: () => {} });
    const services = new Services('--store', path);
    const life = services.start('n1');
    await until(
      () => services.log('n1').split('--- snowstorm: started again ---').length > 2,
      () => services.log('n1'),
    );
    expect(life.handle.findTrouble?.()).toMatch(
      /^it is started again and again; it ended with exit status 254.*--store /,
    );
    expect([...life.exits, ...life.lines]).toEqual([]);
    expect((await services.ask('n1')).code).toBe(UNAVAILABLE);
    await store.close();
    await life.untilReady();
    expect(await services.ask('n1')).toMatchObject({ type: 'generate_ok' });
    expect(services.log('n1')).not.toContain('life 2');
    expect(life.exits).toEqual([]);
  });

  it('can be killed meanwhile, and is not started while it is paused', async () => {
    const path = join(folder, randomUUID());
    const store = await openDataFolder(path, { onFailure: () => {} });
    ends.push(() => store.close());
    const services = new Services('--store', path);
    const life = services.start('n1');
    const starts = () => services.log('n1').split('--- snowstorm: started again ---').length;
    await until(
      () => starts() > 1 && services.alive().length === 0,
      () => services.log('n1'),
    );
    life.handle.pause();
    // One may have been started just before.
    await new Promise((resolve) => setTimeout(resolve, 200));
    const before = starts();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(starts()).toBe(before);
    life.handle.resume();
    // Killed between two starts.
    await until(
      () => starts() > before && services.alive().length === 0,
      () => services.log('n1'),
    );
    // Its end is seen soon, and it is started again later than this.
    await new Promise((resolve) => setTimeout(resolve, 100));
    await life.handle.kill();
    const started = starts();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(starts()).toBe(started);
    expect(services.alive()).toEqual([]);
    expect(life.exits).toEqual([]);
  });
});

describe('the end of the bed', () => {
  it('leaves no process and no port', async () => {
    const services = new Services('--store', 'memory');
    const lives = [await services.startReady('n1'), await services.startReady('n2')];
    await Promise.all([services.ask('n1'), services.ask('n2')]);
    lives[1]?.handle.pause();
    let replies = 0;
    services.bed.ask('n2', { type: 'generate' }, () => replies++);
    const urls = [...services.urls('n1'), ...services.urls('n2')];
    expect(await Promise.all(urls.map((url) => listens(new URL(url))))).toEqual([true, true]);
    await services.bed.close();
    expect(services.alive()).toEqual([]);
    expect(await Promise.all(urls.map((url) => listens(new URL(url))))).toEqual([false, false]);
    expect(lives.flatMap(({ exits }) => exits)).toEqual([]);
    expect(() => services.start('n1')).toThrow('n1 was started after the end');
    expect(replies).toBeLessThanOrEqual(1);
  });
});

describe('an instance that others have started', () => {
  const bedOf = (url: string) => {
    const bed = new ServiceBed({ instances: { urls: new Map([['n1', url]]) } });
    ends.push(() => bed.close());
    return bed;
  };

  it('is waited for and asked, and left alone at the end', async () => {
    const { url } = await HttpInstance.start();
    const bed = bedOf(url);
    const life = new Life(bed, 'n1');
    await life.untilReady();
    expect(life.lines).toEqual(['{"src":"n1","dest":"c1","body":{"type":"init_ok","in_reply_to":7}}']);
    const reply = await new Promise<string>((resolve) => bed.ask('n1', { type: 'generate' }, resolve));
    expect(JSON.parse(reply)).toMatchObject({ type: 'generate_ok' });
    expect(() => life.handle.pause()).toThrow('cannot be paused');
    await life.handle.kill();
    await bed.close();
    expect(await listens(new URL(url))).toBe(true);
  });

  it('is asked no more after the end of its life, and its connections end with the bed', async () => {
    const held: ServerResponse[] = [];
    const server = createServer({ keepAliveTimeout: 0 }, (_request, response) => held.push(response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ends.push(() => server.close());
    const bed = bedOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const life = new Life(bed, 'n1');
    await until(
      () => held.length > 0,
      () => 'it is not asked',
    );
    await life.handle.kill();
    held[0]?.writeHead(503).end();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(held).toHaveLength(1);
    expect(life.lines).toEqual([]);
    const connections = () => new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
    expect(await connections()).toBe(1);
    await bed.close();
    await until(
      async () => (await connections()) === 0,
      () => 'one is open',
    );
  });

  it('is not ready while its probe says so, and tells why', async () => {
    let status = 503;
    const server = createServer((_request, response) => {
      response.writeHead(status).end(JSON.stringify({ status: 'ready', detail: 'the store is away' }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ends.push(() => server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const bed = bedOf(url);
    const life = new Life(bed, 'n1');
    await until(
      () => life.handle.findTrouble?.() === `${url}/readyz answers 503: the store is away`,
      () => `${life.handle.findTrouble?.()}`,
    );
    expect(life.lines).toEqual([]);
    status = 200;
    await life.untilReady();
    expect(life.handle.findTrouble?.()).toBeUndefined();
    await bed.close();
  });
});
