import { describe, expect, it } from 'vitest';
import { parseEtcdStore } from '../../../src/host/etcd/store-address.ts';

describe('the address of an etcd store', () => {
  it.each([
    ['etcd=http://10.0.0.1:2379', ['http://10.0.0.1:2379'], 'snowstorm/'],
    ['etcd=http://a:1,http://b:2,http://c:3/shop', ['http://a:1', 'http://b:2', 'http://c:3'], 'shop/'],
    ['etcd=http://a:1/shop/eu-1/', ['http://a:1'], 'shop/eu-1/'],
    ['etcd=https://etcd.example.com', ['https://etcd.example.com:2379'], 'snowstorm/'],
    ['etcd=http://a:80/', ['http://a:80'], 'snowstorm/'],
    ['etcd=http://[::1]:2379/s', ['http://[::1]:2379'], 's/'],
  ])('%s has its members and its prefix', (text, endpoints, prefix) => {
    expect(parseEtcdStore(text)).toEqual({ endpoints, prefix });
  });

  it.each([
    ['etcd', /"etcd" is not etcd=URL/],
    ['etcd=', /"etcd=" is not etcd=URL/],
    ['etcd=10.0.0.1:2379', /"10.0.0.1:2379" is not an http or https URL/],
    ['etcd=ftp://a:1', /"ftp:\/\/a:1" is not an http or https URL/],
    ['etcd=http://a:1,', /"" is not an http or https URL/],
    ['etcd=http://a:x', /"http:\/\/a:x" is not an http or https URL/],
    ['etcd=http://a:99999', /"http:\/\/a:99999" is not a URL: check the host and the port/],
    ['etcd=http://a:0', /"http:\/\/a:0" is not a URL/],
    ['etcd=http://a:1/shop,http://b:1', /the prefix "\/shop" must be behind the last URL, not behind http:\/\/a:1/],
    ['etcd=http://a:1,http://a:1', /http:\/\/a:1 is there twice/],
    ['etcd=http://a:1,https://b:1', /some URLs are http and some https/],
    ['etcd=http://a:1/shop?x=1', /may have no "\?"/],
    ['etcd=http://a:1/sh op', /the key prefix "sh op" must be names of letters/],
    ['etcd=http://a:1//shop', /the key prefix "\/shop" must be names/],
    [`etcd=http://a:1/${'x'.repeat(201)}`, /200 characters at most/],
  ])('%s is refused, with the reason', (text, reason) => {
    expect(() => parseEtcdStore(text)).toThrow(reason);
  });

  it('with a password is refused, and the error does not tell it', () => {
    const read = () => parseEtcdStore('etcd=http://root:secret@a:1');
    expect(read).toThrow(/holds no user and no password: .* Use --etcd-user and the variable SNOWSTORM_ETCD_PASSWORD/);
    expect(read).not.toThrow(/secret/);
  });
});
