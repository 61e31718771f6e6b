/** An instance of the services in this process, on a store in memory, and a client that changes nothing it is told. */

import { type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';
import { afterAll } from 'vitest';
import { Instance, type InstanceOptions } from '../../src/host/http/instance.ts';
import { HTTP_LIMITS } from '../../src/host/http/limits.ts';
import { newInstanceId } from '../../src/host/http/names.ts';
import { createPersonalHash, newPersonalSecret } from '../../src/host/personal-hash.ts';
import { MemoryEngine } from '../../src/kv/memory-engine.ts';
import type { LogFields } from '../../src/node/environment.ts';
import { SERVED_WORKLOADS, servedTogether, startWorkloads } from '../../src/workloads/nodes.ts';

const CLOSE_MS = 1000;

export interface LoggedLine {
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  readonly json: any;
}

export interface Asking {
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** An object is sent as JSON with its type, a text as it is. */
  readonly body?: object | string | Buffer;
}

export class HttpInstance {
  readonly instance: Instance;
  readonly logged: readonly LoggedLine[];
  readonly url: string;

  private constructor(instance: Instance, logged: readonly LoggedLine[]) {
    this.instance = instance;
    this.logged = logged;
    this.url = instance.url;
  }

  /** Starts one that ends after the tests of this file. */
  static async start(options: Partial<InstanceOptions> = {}): Promise<HttpInstance> {
    const logged: LoggedLine[] = [];
    const log =
      (level: string) =>
      (message: string, fields: LogFields = {}) => {
        logged.push({ level, message, fields });
      };
    const workloads = servedTogether(SERVED_WORKLOADS);
    const personal = createPersonalHash(newPersonalSecret());
    const instance = await Instance.start({
      host: '127.0.0.1',
      port: 0,
      tls: undefined,
      limits: HTTP_LIMITS,
      tokens: undefined,
      personal,
      hashesSubjects: false,
      ratePerSecond: undefined,
      trustedProxies: 0,
      engine: new MemoryEngine(),
      startHandlers: (store) =>
        startWorkloads(
          {
            openStore: () => store,
            openReservation: async () => undefined,
            idLimits: {},
            lease: {},
            wallets: 'accounts',
            erasure: { engine: store, hash: personal },
          },
          workloads,
        ),
      rpcs: [...new Set(workloads.flatMap(({ rpcs }) => rpcs))],
      version: '0.0.0',
      instanceId: newInstanceId(),
      log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
      logsRequests: false,
      onCrash: () => {},
      ...options,
    });
    afterAll(() => instance.stop('the tests are over', CLOSE_MS));
    return new HttpInstance(instance, logged);
  }

  ask(method: string, path: string, { headers = {}, body }: Asking = {}): Promise<Answer> {
    const isJson = typeof body === 'object' && !Buffer.isBuffer(body);
    const content = isJson ? JSON.stringify(body) : body;
    const { hostname, port } = new URL(this.url);
    const all = {
      ...(isJson && { 'Content-Type': 'application/json' }),
      ...(content !== undefined && { 'Content-Length': Buffer.byteLength(content) }),
      ...headers,
    };
    return new Promise((resolve, reject) => {
      const asked = request({ hostname, port, path, method, headers: all, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part) => (text += part));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            get json() {
              return JSON.parse(text);
            },
          }),
        );
      });
      asked.on('error', reject).end(content);
    });
  }

  post(path: string, body: object, headers: Asking['headers'] = {}): Promise<Answer> {
    return this.ask('POST', path, { body, headers });
  }

  get(path: string, headers: Asking['headers'] = {}): Promise<Answer> {
    return this.ask('GET', path, { headers });
  }

  /** Sends bytes, and resolves with all that comes until the connection is closed by the other end. */
  send(...parts: readonly (string | Buffer)[]): Promise<string> {
    const { hostname, port } = new URL(this.url);
    return new Promise((resolve) => {
      let text = '';
      const socket = connect(Number(port), hostname, () => {
        for (const part of parts) socket.write(part);
      });
      socket.setEncoding('latin1').on('data', (part) => (text += part));
      socket.on('error', () => {});
      socket.on('end', () => socket.end());
      socket.on('close', () => resolve(text));
    });
  }
}
