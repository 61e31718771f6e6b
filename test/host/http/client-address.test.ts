/** Which address a request counts for. */

import { describe, expect, it } from 'vitest';
import { addressBehind, clientOf } from '../../../src/host/http/client-address.ts';

describe('the client', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::FFFF:c000:0207', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:1:0002::6', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8:1:2:3:4:192.0.2.7', '2001:db8:1:2::/64'],
    ['2001:db8:1:2:3:4:5::', '2001:db8:1:2::/64'],
    ['::', '0:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['unknown', 'unknown'],
  ])('of %s is %s', (address, client) => {
    expect(clientOf(address)).toBe(client);
  });
});

describe('the address behind proxies', () => {
  const PROXY = '10.0.0.1';

  it.each([
    ['192.0.2.7', 0, PROXY],
    [undefined, 1, PROXY],
    ['192.0.2.7', 1, '192.0.2.7'],
    ['203.0.113.9, 192.0.2.7', 1, '192.0.2.7'],
    ['invented, 203.0.113.9,192.0.2.7', 2, '203.0.113.9'],
    ['192.0.2.7:50123', 1, '192.0.2.7'],
    ['2001:db8::7', 1, '2001:db8::7'],
    ['[2001:db8::7]', 1, '2001:db8::7'],
    ['[2001:db8::7]:50123', 1, '2001:db8::7'],
    // Fewer proxies than are trusted: somebody came by another way.
    ['192.0.2.7', 2, PROXY],
    ['', 1, PROXY],
    ['192.0.2.7,', 1, PROXY],
    ['unknown', 1, PROXY],
    ['192.0.2.700', 1, PROXY],
    ['[192.0.2.7]', 1, PROXY],
    ['192.0.2.7 203.0.113.9', 1, PROXY],
    ['sub:shop', 1, PROXY],
  ])('of X-Forwarded-For: %s with %d trusted is %s', (header, trusted, address) => {
    expect(addressBehind(PROXY, header, trusted)).toBe(address);
  });
});
