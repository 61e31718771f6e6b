/**
 * Structured logs: one JSON object a line on stderr, with level, time, node and message first. stdout is for the
 * protocol only.
 */

import { LOG_LEVELS, type LogFields, type Logger, type LogLevel } from '../../node/environment.ts';

export interface JsonLoggerOptions {
  readonly level: LogLevel;
  /** The node's id, once it is known. */
  readonly nodeId: () => string | undefined;
  readonly write: (text: string) => void;
}

export function createJsonLogger({ level, nodeId, write }: JsonLoggerOptions): Logger {
  const threshold = LOG_LEVELS.indexOf(level);
  const log = (entryLevel: LogLevel, message: string, fields: LogFields = {}) => {
    if (LOG_LEVELS.indexOf(entryLevel) < threshold) return;
    const entry = {
      level: entryLevel,
      time: new Date().toISOString(),
      node: nodeId() || undefined,
      message,
      ...fields,
    };
    write(`${JSON.stringify(entry)}\n`);
  };
  return {
    debug: (message, fields) => log('debug', message, fields),
    info: (message, fields) => log('info', message, fields),
    warn: (message, fields) => log('warn', message, fields),
    error: (message, fields) => log('error', message, fields),
  };
}
