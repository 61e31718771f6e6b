/** Stands between clients and a member of etcd, and loses what a test tells it to lose. */

import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

export class EtcdProxy {
  /** What the next write loses. */
  lost: 'request' | 'answer' | undefined;
  /** Nothing reaches the member: connections break. */
  isCut = false;
  /** What becomes of the body of a request. */
  alter: (body: string) => string = (body) => body;
  readonly #target: string;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #server: Server;

  private constructor(target: string) {
    this.#target = target;
    this.#server = createServer((request, response) => void this.#pass(request, response));
  }

  static async start(target: string): Promise<EtcdProxy> {
    const proxy = new EtcdProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    this.#agent.destroy();
    await closed;
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = this.alter(await readAll(request));
    if (this.isCut) return void request.socket.destroy();
    const isWrite = /request_(?:put|delete_range)/.test(body);
    const lost = isWrite ? this.lost : undefined;
    if (isWrite) this.lost = undefined;
    if (lost === 'request') return void request.socket.destroy();
    const { method, url } = request;
    const headers = { ...request.headers, 'content-length': String(Buffer.byteLength(body)) };
    const passed = httpRequest(this.#target + url, { agent: this.#agent, ...(method && { method }), headers });
    passed.on('error', () => request.socket.destroy());
    passed.on('response', async (answer) => {
      const text = await readAll(answer);
      if (lost === 'answer') return void request.socket.destroy();
      response.writeHead(answer.statusCode ?? 500, { 'Content-Type': answer.headers['content-type'] ?? '' }).end(text);
    });
    passed.end(body);
  }
}

async function readAll(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
