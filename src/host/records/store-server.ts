/**
 * The web server of `snowstorm serve-store`: a page that lists the runs of a store, and the files in their folders. It
 * only reads.
 *
 * Runs may hold private data. By default the server listens on this machine only, and answers only requests for one of
 * this machine's names. So a foreign site whose name leads to 127.0.0.1 (DNS rebinding) is refused. Reports are served
 * with a policy under which their scripts cannot load or send anything.
 */

import { realpathSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Markup } from '../../report/markup.ts';
import { folderPage, storePage } from '../../report/store-page.ts';
import { StoreRuns } from './store-runs.ts';

const LOOPBACK_ADDRESS = /^(?:127\.|::1$|::ffff:127\.)/;
const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];

const HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

const PAGE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/** A report is one file with its own script and style. */
const REPORT_POLICY = `${PAGE_POLICY}; script-src 'unsafe-inline'; img-src data:`;

const HTML = 'text/html; charset=utf-8';
const PLAIN = 'text/plain; charset=utf-8';

/**
 * Lines of JSON are served as plain text. For the special types browsers offer to save the file instead of showing it.
 */
const CONTENT_TYPES: ReadonlyMap<string, string> = new Map([
  ['.html', HTML],
  ['.json', 'application/json; charset=utf-8'],
  ['.jsonl', PLAIN],
  ['.log', PLAIN],
  ['.txt', PLAIN],
  ['.md', PLAIN],
  ['.xml', PLAIN],
]);

export interface StoreServerOptions {
  /** The folder of the store, which must exist. */
  readonly store: string;
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

export class StoreServer {
  readonly url: string;
  readonly #options: StoreServerOptions;
  readonly #server: Server;
  readonly #runs: StoreRuns;
  /** The host names that requests may have; undefined: any. */
  readonly #names: readonly string[] | undefined;

  private constructor(options: StoreServerOptions, server: Server) {
    const { address, port } = server.address() as AddressInfo;
    const host = options.host.includes(':') ? `[${options.host}]` : options.host;
    this.url = `http://${host}:${port}/`;
    this.#options = options;
    this.#server = server;
    this.#runs = new StoreRuns(realpathSync(options.store));
    this.#names = LOOPBACK_ADDRESS.test(address) ? [...LOOPBACK_NAMES, host.toLowerCase()] : undefined;
    server.on('request', (request, response) => this.#serve(request, response));
  }

  /** Resolves when it listens; rejects with the error of the system if it cannot. */
  static async start(options: StoreServerOptions): Promise<StoreServer> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(options.port, options.host, () => resolve());
    });
    return new StoreServer(options, server);
  }

  /** Ends it at once, with all requests in progress. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#answer(request, response);
    } catch (error) {
      // A part of the response is sent. Only a broken connection can show that it is incomplete.
      if (response.headersSent) response.destroy();
      else
        refuse(
          response,
          500,
          `${request.url} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'an error in the server'}`,
        );
    }
  }

  async #answer({ method, url = '', headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!this.#isAskedFor(headers.host))
      return refuse(response, 403, `This server answers to ${LOOPBACK_NAMES.join(', ')} only, not to ${headers.host}`);
    if (method !== 'GET' && method !== 'HEAD')
      return refuse(response, 405, `This server is read-only: GET and HEAD, not ${method}`, { Allow: 'GET, HEAD' });
    const path = pathOf(url);
    if (path === undefined) return refuse(response, 400, `${url} is not a well-formed address`);
    if (path.length === 0) {
      const { runs, problems } = await this.#runs.list();
      return sendPage(response, storePage(this.#options.store, runs, problems));
    }
    // A folder's address ends with a slash, so that the links on its page lead into it.
    const isFolder = path.at(-1) === '';
    const names = isFolder ? path.slice(0, -1) : path;
    const found = await this.#runs.find(names);
    if (found?.kind === 'elsewhere') return redirect(response, found.path, isFolder);
    if (found?.kind === 'folder')
      return isFolder ? sendPage(response, folderPage(names, found.entries)) : redirect(response, names, true);
    if (found?.kind === 'file' && !isFolder) return sendFile(response, found, names.at(-1) as string);
    await found?.handle.close();
    return refuse(response, 404, `There is no ${url} in this store; / lists the runs`);
  }

  #isAskedFor(host: string | undefined): boolean {
    if (this.#names === undefined) return true;
    return this.#names.includes((host ?? '').replace(/:\d+$/, '').toLowerCase());
  }
}

/**
 * The names between the slashes, decoded once. The last name is empty if the address ends with a slash. Undefined if
 * the address cannot be decoded.
 */
function pathOf(url: string): readonly string[] | undefined {
  const [path = ''] = url.split('?');
  if (!path.startsWith('/')) return undefined;
  try {
    // Not with URL: it removes ".." before the check.
    return path === '/' ? [] : path.slice(1).split('/').map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

function sendPage(response: ServerResponse, page: Markup): void {
  send(response, 200, page.text, { 'Content-Type': HTML, 'Content-Security-Policy': PAGE_POLICY });
}

function refuse(response: ServerResponse, status: number, text: string, headers: OutgoingHttpHeaders = {}): void {
  send(response, status, `${text}.\n`, { ...headers, 'Content-Type': PLAIN });
}

function redirect(response: ServerResponse, path: readonly string[], isFolder: boolean): void {
  const location = `/${path.map(encodeURIComponent).join('/')}${isFolder ? '/' : ''}`;
  send(response, 302, `This is at ${location}.\n`, { Location: location, 'Content-Type': PLAIN });
}

/** For HEAD, Node leaves out the text. */
function send(response: ServerResponse, status: number, text: string, headers: OutgoingHttpHeaders): void {
  response.writeHead(status, { ...HEADERS, ...headers, 'Content-Length': Buffer.byteLength(text) }).end(text);
}

async function sendFile(
  response: ServerResponse,
  { handle, sizeBytes }: { readonly handle: FileHandle; readonly sizeBytes: number },
  name: string,
): Promise<void> {
  const type = CONTENT_TYPES.get(extname(name)) ?? 'application/octet-stream';
  response.writeHead(200, {
    ...HEADERS,
    'Content-Type': type,
    'Content-Length': sizeBytes,
    ...(type === HTML && { 'Content-Security-Policy': REPORT_POLICY }),
  });
  if (response.req.method === 'HEAD' || sizeBytes === 0) {
    response.end();
    await handle.close();
    return;
  }
  // Only up to the length in the header: a run in progress may append to the file.
  const stream = handle.createReadStream({ end: sizeBytes - 1 });
  await pipeline(stream, response);
  // The file has become shorter, and the client would wait for the rest.
  if (stream.bytesRead < sizeBytes) response.destroy();
}
