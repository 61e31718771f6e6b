/**
 * The memory that a node keeps of messages is bounded in bytes, not only in number: a real node with a small heap takes
 * lines of 3 MB from many clients.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { INIT, NODE_PROGRAM } from '../support/node-process.ts';

/** A third more than the heap can hold. */
const HEAP_MEGABYTES = 100;
const CLIENTS = 50;
/** An undeclared field: legal, and ignored. */
const LONG = 'x'.repeat(3_000_000);

// biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
type Body = any;

/** A node under a small heap, and lin-kv. */
class SmallNode {
  readonly #child: ChildProcess;
  readonly #answerStore: (body: Body) => object | undefined;
  readonly #ended: Promise<string>;
  readonly #waiting = new Map<number, (body: Body) => void>();
  #answered = 0;

  /** @param answerStore what lin-kv answers */
  constructor(answerStore: (body: Body) => object | undefined = () => undefined) {
    this.#answerStore = answerStore;
    const args = [`--max-old-space-size=${HEAP_MEGABYTES}`, NODE_PROGRAM, '--state-dir', 'none'];
    this.#child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'ignore'] });
    this.#child.stdin?.on('error', () => {});
    this.#ended = new Promise((resolve) => {
      this.#child.once('close', (status, signal) =>
        resolve(`ended with ${status ?? signal} after ${this.#answered} answers`),
      );
    });
    let rest = '';
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() as string;
      for (const line of lines) this.#take(JSON.parse(line));
    });
  }

  #take({ dest, body }: { dest: string; body: Body }): void {
    if (dest === 'lin-kv') {
      const reply = this.#answerStore(body);
      if (reply !== undefined) void this.#send('lin-kv', { ...reply, in_reply_to: body.msg_id });
      return;
    }
    this.#answered++;
    this.#waiting.get(body.in_reply_to)?.(body);
    this.#waiting.delete(body.in_reply_to);
  }

  #send(src: string, body: object): Promise<unknown> {
    return this.#write(JSON.stringify({ id: 0, src, dest: 'n0', body }));
  }

  /** Resolves when the line is on its way. */
  #write(line: string): Promise<unknown> {
    return new Promise((resolve) => this.#child.stdin?.write(`${line}\n`, resolve));
  }

  #answerTo(messageId: number): Promise<Body> {
    const answer = new Promise<Body>((resolve) => this.#waiting.set(messageId, resolve));
    return Promise.race([answer, this.#ended]);
  }

  async start(): Promise<this> {
    const answer = this.#answerTo(1);
    await this.#write(INIT);
    await answer;
    return this;
  }

  /** The answer, or how the node ended. */
  async ask(src: string, messageId: number, body: object): Promise<Body> {
    const answer = this.#answerTo(messageId);
    await this.#send(src, { ...body, msg_id: messageId });
    return answer;
  }

  /** Asks and does not wait for an answer. */
  async push(src: string, messageId: number, body: object): Promise<void> {
    await Promise.race([this.#send(src, { ...body, msg_id: messageId }), this.#ended]);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

let node: SmallNode | undefined;
afterEach(() => node?.kill());

/** 30 characters: from 13 characters on, V8 makes a slice of a line a view of the whole line. */
const clientName = (index: number) => `c${String(index).padStart(29, '0')}`;

const NOT_THERE = { type: 'error', code: 20, text: 'not there' };

describe('the memory of a node does not grow with the length of lines', () => {
  it('from clients that it remembers', async () => {
    node = await new SmallNode().start();
    let answer: Body;
    for (let index = 0; index < CLIENTS; index++)
      answer = await node.ask(clientName(index), index + 2, { type: 'echo', echo: index, unknown: LONG });
    expect(answer).toEqual({ type: 'echo_ok', in_reply_to: CLIENTS + 1, echo: CLIENTS - 1 });
  });

  it('that were refused', async () => {
    node = await new SmallNode(() => NOT_THERE).start();
    let answer: Body;
    for (let index = 0; index < CLIENTS; index++) {
      const request = { type: 'voucher_read', code: 'nothing', unknown: LONG };
      answer = await node.ask(clientName(index), index + 2, request);
    }
    expect(answer).toMatchObject({ type: 'error', in_reply_to: CLIENTS + 1, code: 20 });
  });

  it('that were refused for their long fields', async () => {
    node = await new SmallNode().start();
    let answer: Body;
    for (let index = 0; index < CLIENTS; index++)
      answer = await node.ask('c1', index + 2, { type: 'guid_status', id: LONG });
    expect(answer).toMatchObject({ type: 'error', in_reply_to: CLIENTS + 1, code: 12 });
  });

  it('while requests are in flight', async () => {
    const read = new Set<string>();
    // The store does not answer.
    node = await new SmallNode(({ key }) => {
      if (key.includes('code-')) read.add(key);
      return undefined;
    }).start();
    for (let index = 0; index < CLIENTS; index++) {
      const request = { type: 'voucher_read', code: `code-${index}`, unknown: LONG };
      await node.push(clientName(index), index + 2, request);
    }
    expect(await node.ask('c1', 2, { type: 'echo', echo: 'still here' })).toMatchObject({ echo: 'still here' });
    expect(read.size).toBe(CLIENTS);
  });
});
