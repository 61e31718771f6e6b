/**
 * A passive reader of one direction of an HTTP/1.1 connection (RFC 9112): messages out of bytes, however these are cut
 * into pieces. It keeps a head and a body of limited size, and nothing else.
 */

const HEAD_BYTES_MAX = 16 * 1024;
const NOTHING: Buffer = Buffer.alloc(0);
const LINE_END = '\r\n';
const HEAD_END = '\r\n\r\n';

export interface HttpMessage {
  /** `POST /v3/kv/txn HTTP/1.1` or `HTTP/1.1 200 OK`. */
  readonly startLine: string;
  /** Undefined if it is longer than what is kept. */
  readonly body: Buffer | undefined;
  readonly bodyBytes: number;
}

export interface HttpReaderOptions {
  readonly bodyBytesMax: number;
  /** Whether no body follows this head, even if its fields tell of one. */
  readonly hasNoBody: (startLine: string) => boolean;
  readonly onMessage: (message: HttpMessage) => void;
}

/** What the next bytes are. */
type Part = 'head' | 'body' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailer';

export class HttpReader {
  readonly #options: HttpReaderOptions;
  #part: Part = 'head';
  /** The beginning of a head or of a line of which the end is missing. */
  #begun = NOTHING;
  #startLine = '';
  #pieces: Buffer[] = [];
  #bodyBytes = 0;
  /** Bytes of the body, or of the chunk, that are missing. */
  #missingBytes = 0;

  constructor(options: HttpReaderOptions) {
    this.#options = options;
  }

  /** Throws an Error for what is no HTTP, or no HTTP with a length. Nothing can be read after that. */
  read(bytes: Buffer): void {
    let rest: Buffer = bytes;
    while (rest.length > 0) rest = this.#readPart(rest);
  }

  /** Returns what follows the part, or nothing. */
  #readPart(bytes: Buffer): Buffer {
    switch (this.#part) {
      case 'head':
        return this.#readUntil(HEAD_END, bytes, (text) => this.#beginBody(text));
      case 'chunk-size':
        return this.#readUntil(LINE_END, bytes, (text) => this.#beginChunk(text));
      case 'chunk-end':
        return this.#readUntil(LINE_END, bytes, (text) => {
          if (text !== '') throw new Error('a chunk is longer than its size');
          this.#part = 'chunk-size';
        });
      case 'trailer':
        return this.#readUntil(LINE_END, bytes, (text) => {
          if (text === '') this.#end();
        });
      default:
        return this.#readBody(bytes);
    }
  }

  #readUntil(mark: string, bytes: Buffer, onText: (text: string) => void): Buffer {
    const all = this.#begun.length === 0 ? bytes : Buffer.concat([this.#begun, bytes]);
    const end = all.indexOf(mark, 0, 'latin1');
    if (end > HEAD_BYTES_MAX || (end < 0 && all.length > HEAD_BYTES_MAX)) throw new Error('a head without an end');
    if (end < 0) {
      this.#begun = all;
      return NOTHING;
    }
    this.#begun = NOTHING;
    onText(all.toString('latin1', 0, end));
    return all.subarray(end + mark.length);
  }

  #beginBody(head: string): void {
    const end = head.indexOf(LINE_END);
    this.#startLine = end < 0 ? head : head.slice(0, end);
    if (this.#options.hasNoBody(this.#startLine)) {
      this.#end();
      return;
    }
    if (/\r\ntransfer-encoding:[^\r]*\bchunked[ \t]*(?:\r|$)/i.test(head)) {
      this.#part = 'chunk-size';
      return;
    }
    const length = /\r\ncontent-length:[ \t]*(\d+)[ \t]*(?:\r|$)/i.exec(head)?.[1];
    if (length === undefined && this.#startLine.startsWith('HTTP/')) throw new Error('an answer without a length');
    this.#missingBytes = Number(length ?? 0);
    if (this.#missingBytes === 0) this.#end();
    else this.#part = 'body';
  }

  #beginChunk(line: string): void {
    const size = /^([0-9a-f]{1,8})[ \t]*(?:;|$)/i.exec(line)?.[1];
    if (size === undefined) throw new Error('a chunk without a size');
    this.#missingBytes = Number.parseInt(size, 16);
    this.#part = this.#missingBytes === 0 ? 'trailer' : 'chunk';
  }

  #readBody(bytes: Buffer): Buffer {
    const piece = bytes.subarray(0, this.#missingBytes);
    this.#bodyBytes += piece.length;
    this.#missingBytes -= piece.length;
    if (this.#bodyBytes <= this.#options.bodyBytesMax) this.#pieces.push(piece);
    else this.#pieces = [];
    if (this.#missingBytes === 0) {
      if (this.#part === 'body') this.#end();
      else this.#part = 'chunk-end';
    }
    return bytes.subarray(piece.length);
  }

  #end(): void {
    const bodyBytes = this.#bodyBytes;
    const isKept = bodyBytes <= this.#options.bodyBytesMax;
    const body = isKept ? (this.#pieces.length === 1 ? this.#pieces[0] : Buffer.concat(this.#pieces)) : undefined;
    this.#part = 'head';
    this.#pieces = [];
    this.#bodyBytes = 0;
    this.#options.onMessage({ startLine: this.#startLine, body, bodyBytes });
  }
}
