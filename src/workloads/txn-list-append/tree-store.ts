/**
 * The nodes of the tree in the store. A node is written once, under a name that only this life makes, and before any
 * root points to it. So what is read under a name is right for ever, and memory may keep it.
 */

import type { LinearizableStore } from '../../kv/store.ts';
import { storeTimings } from '../../kv/timings.ts';
import type { NodeContext } from '../../node/context.ts';
import { pauseUpTo } from '../../node/pause.ts';
import { BoundedMap } from '../../protocol/bounded-map.ts';
import { RpcError } from '../../protocol/errors.ts';
import { TreeNode, type TreeReader } from './tree.ts';

const KEY_PREFIX = 'list-append/';
/** Longest pause before a retry, ms; random. */
const PAUSE_MS = 50;

type StoreContext = Pick<NodeContext, 'clock' | 'sleep' | 'randomUint32'>;

export class TreeStore implements TreeReader {
  readonly #context: StoreContext;
  readonly #kv: LinearizableStore;
  readonly #life: string;
  readonly #known: BoundedMap<string, TreeNode>;
  readonly #reading = new Map<string, Promise<TreeNode>>();
  #named = 0;

  /** @param life a name that no other life has, on any node */
  constructor(context: StoreContext, kv: LinearizableStore, life: string, cacheMax: number) {
    this.#context = context;
    this.#kv = kv;
    this.#life = life;
    this.#known = new BoundedMap(cacheMax);
  }

  newName(): string {
    this.#named++;
    return `${this.#life}.${this.#named}`;
  }

  async read(name: string): Promise<TreeNode> {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    let reading = this.#reading.get(name);
    if (reading === undefined) {
      reading = this.#fetch(name).finally(() => this.#reading.delete(name));
      this.#reading.set(name, reading);
    }
    return reading;
  }

  /** Resolves when all of them are in the store. Rejects with an RpcError if they may not be. */
  async write(nodes: ReadonlyMap<string, TreeNode>): Promise<void> {
    await Promise.all([...nodes].map(([name, node]) => this.#put(name, node)));
  }

  async #fetch(name: string): Promise<TreeNode> {
    const read = await this.#retry(name, async () => {
      const answer = await this.#kv.read(KEY_PREFIX + name);
      return answer.kind === 'failed' ? answer.error : answer;
    });
    if (read.kind !== 'found') throw RpcError.of('abort', `the store has lost the node ${name} of the tree of lists`);
    const node = TreeNode.safeParse(parsed(read.text));
    if (!node.success) throw RpcError.of('abort', `the store holds no node of a tree of lists under ${name}`);
    this.#known.set(name, node.data);
    return node.data;
  }

  async #put(name: string, node: TreeNode): Promise<void> {
    const text = JSON.stringify(node);
    await this.#retry(name, async () => {
      const put = await this.#kv.replace(KEY_PREFIX + name, null, text);
      // Refused, because an earlier copy has come: it must be there.
      if (put.kind === 'ok') return true;
      if (put.kind !== 'refused') return put.error;
      const read = await this.#kv.read(KEY_PREFIX + name);
      return read.kind === 'found' && read.text === text ? true : put.error;
    });
    this.#known.set(name, node);
  }

  async #retry<Result>(name: string, attempt: () => Promise<Result | RpcError>): Promise<Result> {
    const { clock } = this.#context;
    const endMs = clock.monotonicMs() + storeTimings(this.#kv.patienceMs).stepMs;
    for (;;) {
      const result = await attempt();
      if (!(result instanceof RpcError)) return result;
      if (clock.monotonicMs() >= endMs || !(await pauseUpTo(this.#context, PAUSE_MS)))
        throw RpcError.of('temporarily-unavailable', `the tree of lists, ${name}: ${result.message}`);
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
