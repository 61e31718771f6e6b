/** A client of `snowstorm serve` over connections that stay open: message bodies in and out, at `POST /rpc`. */

import { Agent, request } from 'node:http';
import { RpcError } from '../../src/protocol/errors.ts';

/**
 * How a request ended. `definite`: it has not happened, and this request never will. `indefinite`: it may have
 * happened. It is asked again with the same request id.
 */
export type Answer =
  | { readonly kind: 'ok'; readonly body: Readonly<Record<string, unknown>> }
  | { readonly kind: 'definite'; readonly code: number; readonly text: string; readonly status: number }
  | { readonly kind: 'indefinite'; readonly text: string; readonly status: number };

/** Whether the same request may succeed later. */
export function isRetryable(answer: Answer): boolean {
  if (answer.kind === 'definite') return answer.code === UNAVAILABLE;
  return answer.kind === 'indefinite';
}

const UNAVAILABLE = RpcError.of('temporarily-unavailable').code;
/** Longer than an instance takes for its last word. */
const ANSWER_MS_MAX = 20_000;
const NOT_SENT = new Set(['ECONNREFUSED']);

export class ServiceClient {
  readonly #agent: Agent;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(headers: Readonly<Record<string, string>> = {}) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: 1024 });
    this.#headers = headers;
  }

  /** @param url of an instance: `http://127.0.0.1:8080` */
  async rpc(url: string, body: Readonly<Record<string, unknown>>): Promise<Answer> {
    const answer = await this.send(url, 'POST', '/rpc', body);
    if (answer.error !== undefined) {
      if (NOT_SENT.has(answer.error)) return { kind: 'definite', code: UNAVAILABLE, text: answer.error, status: 0 };
      return { kind: 'indefinite', text: answer.error, status: 0 };
    }
    const { status, json } = answer;
    if (status === 200) return { kind: 'ok', body: json };
    const { code = 0, text = JSON.stringify(json) } = json as { code?: number; text?: string };
    // A limit of requests has no code of its own in Maelstrom's table.
    if (status === 429) return { kind: 'definite', code: UNAVAILABLE, text, status };
    if (new RpcError(code, text).definite) return { kind: 'definite', code, text, status };
    return { kind: 'indefinite', text, status };
  }

  /** One request of any kind. `error`: there was no answer, and why. */
  send(
    url: string,
    method: string,
    path: string,
    body?: Readonly<Record<string, unknown>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<{ status: number; json: Readonly<Record<string, unknown>>; text: string; error?: string }> {
    return new Promise((resolve) => {
      const fail = (error: NodeJS.ErrnoException) =>
        resolve({ status: 0, json: {}, text: '', error: error.code ?? error.message });
      const outgoing = request(
        new URL(path, url),
        {
          method,
          agent: this.#agent,
          headers: { ...(body && { 'content-type': 'application/json' }), ...this.#headers, ...headers },
          timeout: ANSWER_MS_MAX,
        },
        (incoming) => {
          let text = '';
          incoming
            .setEncoding('utf8')
            .on('data', (chunk) => (text += chunk))
            .on('error', fail)
            .on('end', () => resolve({ status: incoming.statusCode ?? 0, json: parsed(text), text }));
        },
      );
      outgoing
        .on('timeout', () => outgoing.destroy(new Error(`no answer in ${ANSWER_MS_MAX} ms`)))
        .on('error', fail)
        .end(body && JSON.stringify(body));
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}
