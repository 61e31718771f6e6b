/** The ids of clients on a network: `c0`, `c1` and so on. */

const LETTER_C = 0x63;

/** Maelstrom takes every id that begins with a `c` for a client. */
export function isClient(id: string): boolean {
  return id.charCodeAt(0) === LETTER_C;
}

/** The number of a client that the harness has named; undefined for all other ids. */
export function clientNumber(id: string): number | undefined {
  const digits = /^c(0|[1-9]\d*)$/.exec(id)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
