/** Three real nodes of lin-kv, one of which is killed and loses its folder. Afterwards its vote is needed. */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { History } from '../../src/history/history.ts';
import type { OperationEntry } from '../../src/history/operation.ts';
import { errorByCode } from '../../src/protocol/errors.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { linKvChecker } from '../../src/workloads/lin-kv/checker/lin-kv-checker.ts';
import { NodeProcess } from '../support/node-process.ts';
import { until } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const IDS = ['n0', 'n1', 'n2'];
const KEYS = 2;
const VALUES = 5;
/** Between two operations of a client, ms: a search through the orders of too many takes long. */
const PAUSE_MS = 10;

// biome-ignore lint/suspicious/noExplicitAny: bodies of every shape
type Body = any;

/** The nodes, and the network between them. */
class Group {
  readonly #folder = temporaryFolder();
  readonly #nodes = new Map<string, NodeProcess>();
  /** Who waits for an answer, by the id of the request. */
  readonly #waiting = new Map<number, { readonly nodeId: string; readonly resolve: (body: Body) => void }>();
  /** The last that sent entries or a heartbeat. */
  leader: string | undefined;
  #nextId = 1;

  async start(id: string): Promise<void> {
    const node = new NodeProcess(['--workload', 'lin-kv', '--state-dir', this.#folderOf(id)]);
    this.#nodes.set(id, node);
    void this.#carry(id, node);
    expect(await this.ask(id, { type: 'init', node_id: id, node_ids: IDS })).toMatchObject({ type: 'init_ok' });
  }

  /** `kill -9`. Whether it did what it was asked is not known. */
  async kill(id: string): Promise<void> {
    const node = this.#nodes.get(id);
    this.#nodes.delete(id);
    node?.child.kill('SIGKILL');
    await node?.ended;
    for (const [message, { nodeId, resolve }] of this.#waiting) {
      if (nodeId !== id) continue;
      this.#waiting.delete(message);
      resolve(undefined);
    }
  }

  loseDisk(id: string): void {
    rmSync(this.#folderOf(id), { recursive: true });
  }

  isUp(id: string): boolean {
    return this.#nodes.has(id);
  }

  /** The answer; undefined if the node was killed. */
  ask(nodeId: string, body: Body): Promise<Body> {
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#waiting.set(id, { nodeId, resolve });
      this.#deliver({ src: 'c1', dest: nodeId, body: { ...body, msg_id: id } });
    });
  }

  async isHealthy(id: string): Promise<boolean> {
    return (await this.ask(id, { type: 'health' }))?.status === 'ok';
  }

  #folderOf(id: string): string {
    return join(this.#folder, id);
  }

  async #carry(id: string, node: NodeProcess): Promise<void> {
    for (;;) {
      const message = JSON.parse(await node.nextLine());
      if (this.#nodes.get(id) !== node) return;
      if (message.body.type === 'raft_append') this.leader = id;
      this.#deliver(message);
    }
  }

  #deliver(message: { src: string; dest: string; body: Body }): void {
    const { dest, body } = message;
    if (dest === 'c1') {
      const waiting = this.#waiting.get(body.in_reply_to);
      this.#waiting.delete(body.in_reply_to);
      waiting?.resolve(body);
    } else this.#nodes.get(dest)?.send(JSON.stringify(message));
  }
}

/** A client of each node that asks one thing after the other, and what came of it. */
class Load {
  readonly entries: OperationEntry[] = [];
  /** By node. */
  readonly okCounts = new Map<string, number>();
  readonly #group: Group;
  readonly #random = new SeededRandom('lost disk');
  readonly #clients: Promise<unknown>;
  #isOver = false;

  constructor(group: Group) {
    this.#group = group;
    this.#clients = Promise.all(IDS.map((id, number) => this.#run(id, number)));
  }

  get okCount(): number {
    return [...this.okCounts.values()].reduce((sum, count) => sum + count, 0);
  }

  async end(): Promise<History> {
    this.#isOver = true;
    await this.#clients;
    return History.of(this.entries);
  }

  async #run(id: string, number: number): Promise<void> {
    for (let process = number; !this.#isOver; ) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      if (!this.#group.isUp(id)) continue;
      const { f, value, body } = this.#draw();
      this.#note('invoke', process, f, value);
      const answer = await this.#group.ask(id, { type: f, ...body });
      if (answer?.type === `${f}_ok`) {
        this.#note('ok', process, f, f === 'read' ? [body.key, answer.value] : value);
        this.okCounts.set(id, (this.okCounts.get(id) ?? 0) + 1);
        continue;
      }
      const error = errorByCode(answer?.code);
      const type = f === 'read' || error?.definite ? 'fail' : 'info';
      this.#note(type, process, f, value, [error?.name ?? 'killed', answer?.text]);
      if (type === 'info') process += IDS.length;
    }
  }

  #draw(): { f: string; value: unknown; body: Body } {
    const key = this.#random.integer(KEYS);
    const [from, to] = [this.#random.integer(VALUES), this.#random.integer(VALUES)];
    const draw = this.#random.integer(3);
    if (draw === 0) return { f: 'read', value: [key, null], body: { key } };
    if (draw === 1) return { f: 'write', value: [key, to], body: { key, value: to } };
    return { f: 'cas', value: [key, [from, to]], body: { key, from, to } };
  }

  #note(type: OperationEntry['type'], process: number, f: string, value: unknown, error?: unknown): void {
    const time = Math.round(performance.now() * 1e6);
    this.entries.push({ type, process, f, value, time, ...(error !== undefined && { error }) });
  }
}

const group = new Group();

afterAll(async () => {
  for (const id of IDS) await group.kill(id);
});

it('a node whose folder is lost gets its log and its vote back, and nothing acknowledged is gone', async () => {
  await Promise.all(IDS.map((id) => group.start(id)));
  const areHealthy = async () => (await Promise.all(IDS.map((id) => group.isHealthy(id)))).every((isWell) => isWell);
  await until(areHealthy, () => 'not all nodes are well after the start');
  const load = new Load(group);
  const serves = (ids: readonly string[], count: number) => {
    const before = new Map(load.okCounts);
    const done = (id: string) => (load.okCounts.get(id) ?? 0) - (before.get(id) ?? 0);
    return until(
      () => ids.every((id) => done(id) >= count),
      () => `served: ${ids.map((id) => `${id} ${done(id)}`).join(', ')}`,
    );
  };
  await serves(IDS, 10);
  await group.kill('n2');
  group.loseDisk('n2');
  await serves(['n0', 'n1'], 10);
  await group.start('n2');
  await until(areHealthy, () => 'n2 does not recover');
  await serves(IDS, 10);
  // No other is elected without the vote of n2.
  const gone = group.leader === 'n1' ? 'n1' : 'n0';
  await group.kill(gone);
  const left = IDS.filter((id) => id !== gone);
  await serves(left, 10);
  const history = await load.end();
  const result = linKvChecker({ strict: true }).check({ nodes: IDS, concurrency: IDS.length }, history);
  expect(result['valid?'], JSON.stringify(result)).toBe(true);
});
