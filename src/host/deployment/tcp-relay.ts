/**
 * A relay of TCP connections to one destination, whose bytes can be held, delayed and cut off in each direction. What
 * passes is not changed. What is due to a connection is asked of its {@link Passage}.
 */

import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Conditions } from './links.ts';
import { RelayFlow } from './relay-flow.ts';

/** Connections by TLS are not relayed. */
const HTTP_PORT = 80;

/** `out` is from the end that made the connection to the destination. */
export type Direction = 'out' | 'back';

/** What the relay must know about one connection. */
export interface Passage {
  /** Who made the connection; undefined if that is not known yet. */
  readonly source: string | undefined;
  conditions(direction: Direction): Conditions;
  /** Bytes were read. The returned functions are called when they are passed on. */
  read(direction: Direction, bytes: Buffer): readonly (() => void)[];
}

export interface RelayOptions {
  /** Of 127.0.0.1, where the relay listens. */
  readonly port: number;
  readonly destination: URL;
  /** Called for each connection. `refresh` is to be called when its conditions have changed. */
  readonly admit: (refresh: () => void) => Passage;
}

export class TcpRelay {
  readonly port: number;
  readonly #options: RelayOptions;
  readonly #connections = new Set<RelayedConnection>();
  #server: Server | undefined;

  constructor(options: RelayOptions) {
    this.port = options.port;
    this.#options = options;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Whether it takes connections. */
  get isOpen(): boolean {
    return this.#server?.listening === true;
  }

  /** Listens. Rejects if the port is taken. Resolves also if it is refused meanwhile. */
  open(): Promise<void> {
    if (this.#server !== undefined) return Promise.resolve();
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (source) => this.#accept(source));
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.on('error', (error) => {
        // One that listens goes on without the connection that it could not take.
        if (this.#server === server && !server.listening) this.#server = undefined;
        reject(error);
      });
      server.once('close', resolve);
      server.listen(this.port, '127.0.0.1', resolve);
    });
  }

  /** Stops listening, so that new connections are refused. Those there are stay. */
  refuse(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  /** To be called when conditions may have changed. */
  refresh(): void {
    for (const connection of this.#connections) connection.refresh();
  }

  /** Resets both ends of every connection that `source` made. Default: of every one. */
  reset(source?: string): void {
    for (const connection of this.#connections)
      if (source === undefined || connection.source === source) connection.reset();
  }

  close(): void {
    this.refuse();
    this.reset();
  }

  #accept(source: Socket): void {
    const connection = new RelayedConnection(source, this.#options, () => this.#connections.delete(connection));
    this.#connections.add(connection);
    connection.refresh();
  }
}

/**
 * The connection to the destination is made when neither direction is held: a handshake needs both. Until then the end
 * that asked for it believes to be connected, and what it sends is kept.
 */
class RelayedConnection {
  readonly #source: Socket;
  readonly #out: RelayFlow;
  readonly #options: RelayOptions;
  readonly #passage: Passage;
  readonly #onOver: () => void;
  #dest: Socket | undefined;
  #back: RelayFlow | undefined;

  constructor(source: Socket, options: RelayOptions, onOver: () => void) {
    this.#source = source;
    this.#out = new RelayFlow(source);
    this.#options = options;
    this.#onOver = onOver;
    this.#passage = options.admit(() => this.refresh());
    this.#follow(source, 'out', this.#out);
  }

  /** Who made it, if that is known. */
  get source(): string | undefined {
    return this.#passage.source;
  }

  refresh(): void {
    const out = this.#passage.conditions('out');
    const back = this.#passage.conditions('back');
    if (this.#dest === undefined && !out.isHeld && !back.isHeld && !this.#source.destroyed) this.#connect();
    this.#out.setConditions(out);
    this.#back?.setConditions(back);
  }

  /** Both ends see a reset, even if bytes are held. */
  reset(): void {
    this.#source.resetAndDestroy();
    // A socket that is still connecting would wait for its connection first.
    if (this.#dest?.connecting) this.#dest.destroy();
    else this.#dest?.resetAndDestroy();
  }

  #connect(): void {
    const dest = connect({ ...addressOf(this.#options.destination), allowHalfOpen: true, noDelay: true });
    const back = new RelayFlow(dest);
    this.#dest = dest;
    this.#back = back;
    back.connect(this.#source);
    dest.once('connect', () => this.#out.connect(dest));
    this.#follow(dest, 'back', back);
  }

  #follow(end: Socket, direction: Direction, flow: RelayFlow): void {
    end.on('data', (bytes: Buffer) => flow.take(bytes, this.#passage.read(direction, bytes)));
    end.on('end', () => {
      // It has given up before there was a connection.
      if (this.#dest === undefined) end.destroy();
      else flow.take('end');
    });
    end.on('error', () => {});
    end.on('close', (hadError: boolean) => {
      if (hadError || !end.readableEnded) flow.take('reset');
      this.#endIfOver();
    });
  }

  #endIfOver(): void {
    if (this.#source.closed && this.#dest?.connecting) this.#dest.destroy();
    // What was on its way to an end that is gone is dropped.
    this.#out.pass();
    this.#back?.pass();
    if (!this.#source.closed || this.#dest?.closed === false) return;
    this.#out.close();
    this.#back?.close();
    this.#onOver();
  }
}

/** A URL leaves out the port of its scheme, and writes an address of IPv6 in brackets. */
function addressOf({ hostname, port }: URL): { readonly host: string; readonly port: number } {
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port || HTTP_PORT) };
}
