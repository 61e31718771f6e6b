/**
 * What a node is given instead of reaching for it: clock, randomness, timers, the wire, a log. The stdio host gives the
 * real ones, the simulator virtual ones; the node cannot tell.
 */

import type { Clock } from '../protocol/clock.ts';
import type { Body } from '../protocol/message.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export type LogFields = Readonly<Record<string, unknown>>;

export interface Environment {
  readonly clock: Clock;
  /** 32 random bits, unsigned. */
  readonly randomUint32: () => number;
  /** Calls back once, after `delayMs`; the function returned cancels it. */
  readonly setTimer: (delayMs: number, callback: () => void) => () => void;
  /** Puts one line (without its newline) on the wire. */
  readonly transmit: (line: string) => void;
  /**
   * Offered every reply as a value before it is written, by a simulator that need not parse what it has at hand; true:
   * taken, and not to be transmitted.
   */
  readonly offerReply?: (dest: string, body: Body) => boolean;
  /** Asks for as few lines as possible while the handlers start; what comes all the same is held. */
  readonly holdInput?: (held: boolean) => void;
  /** What has gone through the wire so far; absent where nothing goes as bytes. */
  readonly traffic?: () => { readonly bytesIn: number; readonly bytesOut: number };
  readonly log: Logger;
  /** Ends the process (or the simulated node) after a programmer's error. */
  readonly crash: (error: Error) => void;
}
