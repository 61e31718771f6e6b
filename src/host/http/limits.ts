/** The limits of the server. Everything that a client can make large, many or slow has one. */

export interface HttpLimits {
  /** Of all headers of a request together. Beyond: 431. */
  readonly headerBytesMax: number;
  readonly headersMax: number;
  /** In characters, as it came. Beyond: 414; so is a longer query. */
  readonly pathLengthMax: number;
  readonly queryLengthMax: number;
  /** Of one body. Beyond: 413. */
  readonly bodyBytesMax: number;
  /** Of all bodies that are being received. Beyond: 503. */
  readonly bodiesBytesMax: number;
  /** From the beginning of a request, or of a connection, to the end of the headers, ms. Beyond: 408. */
  readonly headersMs: number;
  /** To the end of the body, ms. Beyond: 408. */
  readonly requestMs: number;
  /**
   * How long nothing may move on a connection while a request is answered, ms. The client does not read then. Longer
   * than any answer takes. Beyond: closed.
   */
  readonly unreadMs: number;
  /** How long a connection may be idle between two requests, ms. */
  readonly keepAliveMs: number;
  /** One more is closed at once. */
  readonly connectionsMax: number;
  /** Requests of one connection that are not answered yet. One more: 503. */
  readonly pipelinedMax: number;
  /** Requests that are not answered yet. One more: 503. */
  readonly inFlightMax: number;
}

export const HTTP_LIMITS: HttpLimits = {
  headerBytesMax: 16 * 1024,
  headersMax: 100,
  pathLengthMax: 2048,
  queryLengthMax: 4096,
  bodyBytesMax: 2 ** 20,
  bodiesBytesMax: 64 * 2 ** 20,
  headersMs: 10_000,
  requestMs: 20_000,
  unreadMs: 40_000,
  // Load balancers keep connections for 60 s; the server must not be the first to close one.
  keepAliveMs: 65_000,
  connectionsMax: 10_000,
  pipelinedMax: 16,
  inFlightMax: 10_000,
};
