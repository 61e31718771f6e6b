/**
 * The address that a request came from. Behind proxies the connection has that of the last one. Each proxy appends the
 * address that it saw to `X-Forwarded-For`. What stands before those of the trusted ones, the client may have invented.
 */

import { isIPv4, isIPv6 } from 'node:net';

const PORT = /:\d{1,5}$/;

/**
 * The address that the first of the trusted proxies saw. The other end of the connection if the header does not tell
 * it.
 *
 * @param forwardedFor the header, its occurrences with commas between them
 * @param trustedProxies how many proxies in front append to it; 0: it is not looked at
 */
export function addressBehind(socketAddress: string, forwardedFor: string | undefined, trustedProxies: number): string {
  if (trustedProxies === 0 || forwardedFor === undefined) return socketAddress;
  const text = forwardedFor.split(',').at(-trustedProxies)?.trim() ?? '';
  const [, bracketed] = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text) ?? [];
  if (bracketed !== undefined) return isIPv6(bracketed) ? bracketed : socketAddress;
  const address = isIPv6(text) ? text : text.replace(PORT, '');
  return isIPv6(address) || isIPv4(address) ? address : socketAddress;
}

/** A client has an address of IPv4, or 64 bits of one of IPv6: the other 64 are its own choice. */
export function clientOf(address: string): string {
  const plain = address.replace(/%.*$/, '');
  if (!isIPv6(plain)) return plain;
  const groups = groupsOf(plain);
  const [, , , , , sixth, high = 0, low = 0] = groups;
  const isMapped = sixth === 0xffff && groups.slice(0, 5).every((group) => group === 0);
  if (isMapped) return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
  return `${hexGroups(groups.slice(0, 4))}::/64`;
}

/** The eight groups of an address of IPv6, however it is written. */
function groupsOf(address: string): number[] {
  const hex = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...bytes: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(0, 4).map(Number);
    return hexGroups([(a << 8) | b, (c << 8) | d]);
  });
  const [left = [], right = []] = hex
    .split('::')
    .map((side) => (side === '' ? [] : side.split(':').map((group) => Number.parseInt(group, 16))));
  return [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
}

function hexGroups(groups: readonly number[]): string {
  return groups.map((group) => group.toString(16)).join(':');
}
