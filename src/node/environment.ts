/**
 * What is injected into a node: clock, randomness, timers, the wire, a log. The stdio host gives the real ones, the
 * simulator virtual ones. The node cannot tell the difference.
 */

import type { Clock } from '../protocol/clock.ts';
import type { Body } from '../protocol/message.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
/** From the most talkative level to none at all. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Writes lines of a level with fields. */
export interface Logger {
  /** What helps to find a mistake. */
  debug(message: string, fields?: LogFields): void;
  /** What went as it should. */
  info(message: string, fields?: LogFields): void;
  /** What is wrong, and the node goes on. */
  warn(message: string, fields?: LogFields): void;
  /** What is wrong, and something is lost. */
  error(message: string, fields?: LogFields): void;
}

export type LogFields = Readonly<Record<string, unknown>>;

export interface Environment {
  readonly clock: Clock;
  /** 32 random bits, unsigned. */
  readonly randomUint32: () => number;
  /** Calls back once, after `delayMs`. The returned function cancels it. */
  readonly setTimer: (delayMs: number, callback: () => void) => () => void;
  /** Puts one line (without its newline) on the wire. */
  readonly transmit: (line: string) => void;
  /**
   * Gets every reply as a value before it is written, so a simulator need not parse it. Returns true if it took the
   * reply; then the reply is not transmitted.
   */
  readonly offerReply?: (dest: string, body: Body) => boolean;
  /** The same for what handlers send, and for their errors. */
  readonly offerMessage?: (dest: string, body: Body) => boolean;
  /** Asks for as few lines as possible while the handlers start. Lines that still come are held. */
  readonly holdInput?: (held: boolean) => void;
  /** Bytes on the wire so far; absent if nothing is sent as bytes. */
  readonly traffic?: () => { readonly bytesIn: number; readonly bytesOut: number };
  readonly log: Logger;
  /** Ends the process (or the simulated node) after a programmer's error. */
  readonly crash: (error: Error) => void;
}
