/** A real etcd of three members behind relays, under every fault of its members and links. */

import { existsSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { EtcdCluster } from '../../../src/host/deployment/etcd-cluster.ts';
import { freePorts } from '../../../src/host/deployment/ports.ts';
import { EtcdCluster as BareCluster, findEtcd } from '../../support/etcd.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const HEALTHY_MS = 60_000;
const ANSWER_MS = 2000;
const POLL = { timeout: 60_000, interval: 50 };

const program = findEtcd('a deployment on a real etcd');
const folder = temporaryFolder();
const base64 = (text: string) => Buffer.from(text).toString('base64');

/** A client of one member, over one connection. */
class Client {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
    onTestFinished(() => this.#agent.destroy());
  }

  /** `200`, another status with its text, or how the connection failed. */
  put(key: string, value = 'x', timeoutMs = ANSWER_MS): Promise<string> {
    return this.#post('/v3/kv/put', { key: base64(key), value: base64(value) }, timeoutMs).then(([status, text]) =>
      status === '200' ? status : `${status} ${text}`,
    );
  }

  /** The value; undefined if there is none. */
  async get(key: string): Promise<string | undefined> {
    const [, text] = await this.#post('/v3/kv/range', { key: base64(key) }, HEALTHY_MS);
    const value = JSON.parse(text).kvs?.[0].value;
    return value && Buffer.from(value, 'base64').toString();
  }

  #post(path: string, body: object, timeoutMs: number): Promise<readonly [status: string, text: string]> {
    const { hostname, port } = new URL(this.#url);
    const headers = { 'Grpc-Metadata-hasleader': 'true' };
    return new Promise((resolve) => {
      const signal = AbortSignal.timeout(timeoutMs);
      const asked = request({ hostname, port, path, method: 'POST', agent: this.#agent, headers, signal }, (answer) => {
        let text = '';
        answer.on('data', (bytes) => (text += bytes));
        answer.on('end', () => resolve([String(answer.statusCode), text]));
        answer.on('error', (error) => resolve([error.message, '']));
      });
      asked.on('error', (error: NodeJS.ErrnoException) => resolve([error.code as string, '']));
      asked.end(JSON.stringify(body));
    });
  }
}

describe.skipIf(program === undefined)('a cluster behind relays', () => {
  const logFolder = join(folder, 'logs');
  const exits: string[] = [];
  let cluster: EtcdCluster;

  beforeAll(async () => {
    cluster = await EtcdCluster.start({
      program: program as string,
      memberCount: 3,
      instances: ['n1', 'n2'],
      logFolder,
      quotaBytes: 16 * 1024 * 1024,
      onExit: (name, how) => exits.push(`${name} ${how}`),
    });
  });
  beforeEach(() => cluster.healthy(HEALTHY_MS));
  afterAll(async () => {
    await cluster?.close();
    expect(exits).toEqual([]);
  });

  /** The URL of a member for n1, whose first endpoint is that of e1. */
  const clientOf = (member: string) =>
    new Client(cluster.endpointsFor('n1')[cluster.members.indexOf(member)] as string);
  const leader = () => cluster.leader() as string;
  const othersThan = (member: string) => cluster.members.filter((other) => other !== member);

  it('has a member for each name, and relays of its own for each instance', async () => {
    expect(cluster.members).toEqual(['e1', 'e2', 'e3']);
    const [one, two] = [cluster.endpointsFor('n1'), cluster.endpointsFor('n2')];
    expect(new Set([...one, ...two]).size).toBe(6);
    await clientOf('e1').put('early', 'yes');
    for (const url of [...one, ...two]) expect(await new Client(url).get('early')).toBe('yes');
    expect(() => cluster.endpointsFor('n3')).toThrow('no relay of etcd is for n3');
    expect(() => cluster.cut('n1', 'n2')).toThrow('n1 and n2: neither is a member of etcd');
    expect(() => cluster.kill(['e4'])).toThrow('etcd has no member e4; there are e1, e2, e3');
  });

  it('elects another leader when the leader is cut off, which cannot write then', async () => {
    const old = leader();
    const others = othersThan(old);
    for (const other of others) {
      cluster.cut(old, other);
      cluster.cut(other, old);
    }
    await expect.poll(() => others.includes(cluster.leader() ?? ''), POLL).toBe(true);
    expect(await clientOf(old).put('cut', 'old')).not.toBe('200');
    expect(await clientOf(leader()).put('cut', 'new', HEALTHY_MS)).toBe('200');
    for (const other of others) {
      cluster.mend(old, other);
      cluster.mend(other, old);
    }
    await cluster.healthy(HEALTHY_MS);
    expect(await clientOf(old).get('cut')).toBe('new');
  });

  it('elects another leader when the leader does not hear the others', async () => {
    const old = leader();
    for (const other of othersThan(old)) cluster.cut(other, old);
    await expect.poll(() => othersThan(old).includes(cluster.leader() ?? ''), POLL).toBe(true);
    expect(await clientOf(leader()).put('deaf', 'new', HEALTHY_MS)).toBe('200');
    for (const other of othersThan(old)) cluster.mend(other, old);
  });

  it('goes on without a follower that is cut off from the leader', async () => {
    const old = leader();
    const [follower, third] = othersThan(old) as [string, string];
    cluster.cut(old, follower);
    cluster.cut(follower, old);
    await expect.poll(() => clientOf(third).put('without'), POLL).toBe('200');
    cluster.mend(old, follower);
    cluster.mend(follower, old);
  });

  it('keeps what was written when all are killed and started at once, and refuses meanwhile', async () => {
    const client = clientOf('e2');
    await client.put('kept', 'yes');
    expect(cluster.kill(['e1', 'e2', 'e3'])).toEqual(['e1', 'e2', 'e3']);
    expect(cluster.kill(['e2'])).toEqual([]);
    expect(cluster.leader()).toBeUndefined();
    expect(await clientOf('e2').put('kept', 'no')).toBe('ECONNREFUSED ');
    await expect(cluster.healthy(1)).rejects.toThrow('e1 is down; e2 is down; e3 is down');
    cluster.restart(['e1', 'e2', 'e3']);
    cluster.kill(['e3']);
    cluster.restart(['e3']);
    await cluster.healthy(HEALTHY_MS);
    expect(await clientOf('e2').get('kept')).toBe('yes');
    expect(readFileSync(join(logFolder, 'e2.log'), 'utf8')).toContain('--- snowstorm: life 2 ---');
  });

  it('does without a paused leader, until that is resumed', async () => {
    const old = leader();
    expect(cluster.pause([old])).toEqual([old]);
    expect(cluster.pause([old])).toEqual([]);
    await expect(cluster.healthy(1)).rejects.toThrow(`${old} is paused`);
    await expect.poll(() => othersThan(old).includes(cluster.leader() ?? ''), POLL).toBe(true);
    cluster.resume([old]);
    await cluster.healthy(HEALTHY_MS);
    cluster.pause([old]);
    expect(cluster.kill([old])).toEqual([old]);
    cluster.restart([old]);
  });

  it('is late for an instance whose link is late, and after that for none', async () => {
    const [slow, fast] = ['e1', 'e2'].map(clientOf) as [Client, Client];
    const remove = cluster.delay('e1', 'n1', 3000);
    expect(await slow.put('late', 'x', 1000)).toBe('ABORT_ERR ');
    expect(await fast.put('late', 'x', HEALTHY_MS)).toBe('200');
    remove();
    expect(await clientOf('e1').put('late', 'x', HEALTHY_MS)).toBe('200');
  });

  it('takes the delay of its own links into every write', async () => {
    const sources = leader();
    const removes = othersThan(sources).map((other) => cluster.delay(sources, other, 300));
    const startMs = performance.now();
    await clientOf(sources).put('late', 'x', HEALTHY_MS);
    expect(performance.now() - startMs).toBeGreaterThan(295);
    for (const remove of removes) remove();
  });

  it('resets the connections of a link, and of no other', async () => {
    const [hit, other] = ['e1', 'e2'].map(clientOf) as [Client, Client];
    for (const client of [hit, other]) await client.put('before');
    for (const member of ['e1', 'e2']) cluster.cut('n1', member);
    const [answer, later] = [hit.put('during', 'x', HEALTHY_MS), other.put('during', 'y', HEALTHY_MS)];
    // The requests are on their way, and held.
    await clientOf('e3').put('during');
    cluster.reset('n1', 'e1');
    expect(await answer).toBe('ECONNRESET ');
    for (const member of ['e1', 'e2']) cluster.mend('n1', member);
    expect(await later).toBe('200');
  });

  it('does what an instance asks that cannot hear the answer', async () => {
    const client = clientOf('e1');
    await client.put('way', 'before');
    cluster.cut('e1', 'n1');
    const answer = client.put('way', 'after', HEALTHY_MS);
    await expect.poll(() => clientOf('e2').get('way'), POLL).toBe('after');
    cluster.mend('e1', 'n1');
    expect(await answer).toBe('200');
  });

  it('serves while the connections between its members are reset', async () => {
    const lostCount = () => readFileSync(join(logFolder, 'e2.log'), 'utf8').split('lost TCP streaming').length;
    const before = lostCount();
    for (let round = 0; round < 3; round++) {
      cluster.reset('e1', 'e2');
      cluster.reset('e2', 'e3');
      await expect.poll(() => clientOf('e1').put('reset'), POLL).toBe('200');
    }
    await expect.poll(lostCount, POLL).toBeGreaterThan(before);
  });

  it('takes no writes when it is full, and does again when it was emptied, with a member down meanwhile', async () => {
    const makeRoom = cluster.fill();
    const client = clientOf('e1');
    let last = '200';
    let count = 0;
    await expect
      .poll(async () => {
        for (let burst = 0; burst < 20 && last === '200'; burst++)
          last = await client.put(`full/${count++}`, 'x'.repeat(500), HEALTHY_MS);
        return last;
      }, POLL)
      .toMatch(/^429 .*database space exceeded/);
    cluster.kill(['e3']);
    makeRoom();
    makeRoom();
    await expect.poll(() => client.put('room', 'yes'), POLL).toBe('200');
    await expect(cluster.healthy(1)).rejects.toThrow('e3 is down');
    cluster.restart(['e3']);
    await cluster.healthy(HEALTHY_MS);
    expect(await clientOf('e3').put('room', 'too', HEALTHY_MS)).toBe('200');
    expect(await client.get(`full/${count - 2}`)).toBe('x'.repeat(500));
  });

  it('tells the requests of instances and their answers', async () => {
    const told: string[] = [];
    cluster.observe((src, dest, body) => {
      const { type, msg_id: id, in_reply_to: replyTo, key } = body;
      told.push(`${src} ${dest} ${type} ${id ?? replyTo} ${key ?? ''}`);
      return () => told.push(`${src} ${dest} arrived`);
    });
    await clientOf('e2').put('told', 'x', HEALTHY_MS);
    expect(told.map((text) => text.trim())).toEqual([
      'n1 e2 /v3/kv/put 1 told',
      'n1 e2 arrived',
      'e2 n1 /v3/kv/put_ok 1',
      'e2 n1 arrived',
    ]);
  });
});

describe.skipIf(program === undefined)('a cluster that was there before', () => {
  it('has links that can be disturbed, and members that cannot', async () => {
    const bare = await BareCluster.start(program as string);
    onTestFinished(() => bare.end());
    const cluster = await EtcdCluster.relayTo(bare.endpoints, ['n1']);
    onTestFinished(() => cluster.close());
    await cluster.healthy(HEALTHY_MS);
    expect([cluster.members, cluster.leader()]).toEqual([['e1'], 'e1']);
    expect(cluster.hasPeerLinks).toBe(false);
    const client = new Client(cluster.endpointsFor('n1')[0] as string);
    expect(await client.put('a', 'x', HEALTHY_MS)).toBe('200');
    cluster.cut('e1', 'n1');
    expect(await client.put('a', 'y', 500)).toBe('ABORT_ERR ');
    cluster.mend('e1', 'n1');
    for (const act of [() => cluster.kill(['e1']), () => cluster.pause(['e1']), () => cluster.fill()])
      expect(act).toThrow('etcd was there before this run');
    await bare.members[0]?.kill();
    await expect(cluster.healthy(1)).rejects.toThrow(`e1 (${bare.endpoints[0]}) does not answer`);
  });

  it('may be known by some of its members', async () => {
    const bare = await BareCluster.start(program as string, { memberCount: 3 });
    onTestFinished(() => bare.end());
    const leader = await bare.leader();
    const follower = bare.members.find((member) => member !== leader) as typeof leader;
    // Two URLs of one member are two names for it.
    const urls = [follower.url, follower.url.replace('127.0.0.1', 'localhost')];
    const cluster = await EtcdCluster.relayTo(urls, ['n1']);
    onTestFinished(() => cluster.close());
    await cluster.healthy(HEALTHY_MS);
  });

  it('must be there', async () => {
    const [port] = await freePorts(1);
    const url = `http://127.0.0.1:${port}`;
    await expect(EtcdCluster.relayTo([url], ['n1'])).rejects.toThrow(`e1 (${url}) does not answer`);
  });
});

describe.skipIf(program === undefined)('the data of a cluster', () => {
  it('stays in a folder that was named', async () => {
    const data = join(folder, 'data');
    const settings = { program: program as string, memberCount: 1, instances: ['n1'], folder: data } as const;
    await (await EtcdCluster.start(settings)).close();
    expect(existsSync(data)).toBe(true);
  });
});
