/**
 * Requests and answers of one connection to a member of etcd, told as the messages of a run. They are read out of the
 * bytes that pass; what cannot be read ends the telling, and the bytes pass all the same.
 */

import type { RecordMessage } from '../../harness/bed.ts';
import { excerpt } from '../../protocol/excerpt.ts';
import { type HttpMessage, HttpReader } from './http-reader.ts';

/** Longer bodies are told by their size. */
const BODY_BYTES_MAX = 16 * 1024;
const TEXT_LENGTH_MAX = 200;
/** Of more than is shown, for characters of four bytes. A multiple of four. */
const BASE64_LENGTH_MAX = 8 * TEXT_LENGTH_MAX;
/** What the gateway carries in base64. */
const BASE64_FIELDS: ReadonlySet<string> = new Set(['key', 'value', 'range_end']);
/** The same in every answer of a member. */
const DULL_FIELDS: ReadonlySet<string> = new Set(['cluster_id', 'member_id']);

export interface RecordedLink {
  readonly instance: string;
  readonly member: string;
  readonly record: RecordMessage;
  /** An id that no other request of the run has. */
  readonly nextId: () => number;
}

interface Asked {
  readonly id: number;
  readonly method: string;
  readonly path: string;
}

/** Functions that say that a message arrived. */
type Arrivals = readonly (() => void)[];

const NONE: Arrivals = [];

export class HttpRecorder {
  readonly #link: RecordedLink;
  readonly #readers: Readonly<Record<'out' | 'back', HttpReader>>;
  /** Requests that wait for their answers, which come in this order. */
  readonly #asked: Asked[] = [];
  #arrivals: (() => void)[] = [];
  #isReadable = true;

  constructor(link: RecordedLink) {
    this.#link = link;
    const bodyBytesMax = BODY_BYTES_MAX;
    this.#readers = {
      out: new HttpReader({
        bodyBytesMax,
        hasNoBody: () => false,
        onMessage: (message) => this.#tellRequest(message),
      }),
      back: new HttpReader({
        bodyBytesMax,
        hasNoBody: (startLine) => this.#asked[0]?.method === 'HEAD' || /^HTTP\/1\.1 (?:1\d\d|204|304) /.test(startLine),
        onMessage: (message) => this.#tellAnswer(message),
      }),
    };
  }

  /** Bytes were read. The returned functions must be called when they are passed on. */
  read(direction: 'out' | 'back', bytes: Buffer): Arrivals {
    if (!this.#isReadable) return NONE;
    try {
      this.#readers[direction].read(bytes);
    } catch {
      this.#isReadable = false;
    }
    if (this.#arrivals.length === 0) return NONE;
    const arrivals = this.#arrivals;
    this.#arrivals = [];
    return arrivals;
  }

  #tellRequest({ startLine, body, bodyBytes }: HttpMessage): void {
    const [, method, path] = /^([A-Z]+) (\S+) HTTP\/1\.[01]$/.exec(startLine) ?? [];
    if (method === undefined || path === undefined) throw new Error('no request line');
    const { instance, member, record, nextId } = this.#link;
    const asked = { id: nextId(), method, path };
    this.#asked.push(asked);
    const content = tell(body, bodyBytes);
    this.#arrivals.push(record(instance, member, { type: path, msg_id: asked.id, ...content }));
  }

  #tellAnswer({ startLine, body, bodyBytes }: HttpMessage): void {
    const status = Number(/^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(startLine)?.[1]);
    // An interim answer: the final one follows. After 101 no HTTP follows.
    if (status >= 100 && status < 200 && status !== 101) return;
    const asked = this.#asked.shift();
    if (asked === undefined || !(status >= 200)) throw new Error('no answer to a request');
    const { instance, member, record } = this.#link;
    const content = tell(body, bodyBytes);
    const told =
      status === 200
        ? { type: `${asked.path}_ok`, in_reply_to: asked.id, ...content }
        : { type: 'error', in_reply_to: asked.id, status, ...withoutCode(content) };
    this.#arrivals.push(record(member, instance, told));
  }
}

/** The code of gRPC is no code of the protocol of nodes. */
function withoutCode(content: object): object {
  const { code, ...rest } = content as { readonly code?: unknown };
  return code === undefined ? rest : { grpc_code: code, ...rest };
}

/** A body as fields of a message. */
function tell(body: Buffer | undefined, bytes: number): object {
  if (body === undefined) return { bytes };
  if (bytes === 0) return {};
  const text = body.toString();
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return readable(value) as object;
  } catch {
    // It is no JSON.
  }
  return { text: excerpt(text, TEXT_LENGTH_MAX) };
}

/** JSON of the gateway with its keys and values as text, none of it long. */
function readable(value: unknown, field = ''): unknown {
  if (typeof value === 'string') return excerpt(BASE64_FIELDS.has(field) ? decode(value) : value, TEXT_LENGTH_MAX);
  if (Array.isArray(value)) return value.map((item) => readable(item));
  if (typeof value !== 'object' || value === null) return value;
  const all = Object.entries(value).filter(([name]) => !DULL_FIELDS.has(name));
  return Object.fromEntries(all.map(([name, inner]) => [name, readable(inner, name)]));
}

/** Text in base64; what is no text stays as it is. */
function decode(base64: string): string {
  const isLong = base64.length > BASE64_LENGTH_MAX;
  const bytes = Buffer.from(isLong ? base64.slice(0, BASE64_LENGTH_MAX) : base64, 'base64');
  const text = bytes.toString();
  // The last character of a part may be cut in two.
  const whole = isLong ? text.replace(/\uFFFD+$/, '') : text;
  return whole.includes('\uFFFD') ? base64 : whole;
}
