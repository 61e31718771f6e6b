/** Clients of a workload's test against one node, whose replies the test gives by hand, on virtual time. */

import { CLIENT_TIMEOUT_MS, Client, type Completion } from '../../src/harness/client.ts';
import { Network, type NetworkMessage } from '../../src/harness/network.ts';
import type { Invoke, WorkloadTest } from '../../src/harness/workload-test.ts';
import { settle, VirtualTime } from './virtual-time.ts';

// biome-ignore lint/suspicious/noExplicitAny: bodies of every shape
type Fields = Readonly<Record<string, any>>;

export class ClientRig {
  readonly time = new VirtualTime();
  readonly network = new Network({ scheduler: this.time, drawLatencyMs: () => 0 });
  readonly client: Client;
  /** Every message to the node, oldest first. */
  readonly requests: NetworkMessage[] = [];
  /** The problems of replies that are not as declared. */
  readonly malformed: string[] = [];
  readonly #test: WorkloadTest;
  #invoke: Invoke;

  constructor(test: WorkloadTest) {
    this.#test = test;
    this.#invoke = test.createInvoke();
    this.network.addEndpoint('n0', (message) => this.requests.push(message));
    this.client = this.openClient();
  }

  /** Opens another client of the node. */
  openClient(): Client {
    const onMalformed = (_: NetworkMessage, text: string) => this.malformed.push(text);
    return new Client({ network: this.network, scheduler: this.time, nodeId: 'n0', onMalformed });
  }

  /** From now on, as in a new run. */
  beginRun(): void {
    this.#invoke = this.#test.createInvoke();
    this.forgetAsked();
  }

  invoke(f: string, value: unknown, client = this.client): Promise<Completion> {
    return this.#invoke(client, { f, value });
  }

  /**
   * Performs an operation and answers its requests with the replies, one after the other. The type is `<type>_ok`
   * unless a reply has one. Once no reply is left, requests get no answer.
   */
  perform(f: string, value: unknown, ...replies: readonly Fields[]): Promise<Completion> {
    return this.performBy(this.client, f, value, ...replies);
  }

  async performBy(client: Client, f: string, value: unknown, ...replies: readonly Fields[]): Promise<Completion> {
    const asked = this.requests.length;
    const completing = this.invoke(f, value, client);
    for (const [index, reply] of replies.entries()) {
      await settle();
      const request = this.requests[asked + index];
      if (request === undefined) throw new Error(`${f} asks ${index} times, and there are ${replies.length} answers`);
      const { body } = request;
      this.network.send('n0', client.id, { in_reply_to: body.msg_id, type: `${body.type}_ok`, ...reply });
    }
    await settle();
    await this.time.advance(CLIENT_TIMEOUT_MS);
    return completing;
  }

  forgetAsked(): void {
    this.requests.length = 0;
  }

  /** The requests to the node, without the ids of the messages. */
  asked(): Fields[] {
    return this.requests.map(({ body: { msg_id: _messageId, ...request } }) => request);
  }
}
