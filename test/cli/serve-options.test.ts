/** The options of `snowstorm serve` that are no numbers. */

import { describe, expect, it } from 'vitest';
import { parseListen, SERVE_OPTIONS } from '../../src/cli/serve-options.ts';
import { storeOption } from '../../src/cli/store-option.ts';

describe('--listen', () => {
  it.each([
    ['127.0.0.1:8080', '127.0.0.1', 8080],
    ['0.0.0.0:0', '0.0.0.0', 0],
    ['localhost:65535', 'localhost', 65_535],
    ['[::1]:8080', '::1', 8080],
    ['[::ffff:127.0.0.1]:80', '::ffff:127.0.0.1', 80],
  ])('%s', (text, host, port) => {
    expect(parseListen(text)).toEqual({ text, host, port });
  });

  it.each(['', '8080', ':8080', '127.0.0.1', '127.0.0.1:', '::1:80', '[::1]', 'a b:80', 'x:65536', 'x:-1', 'x:8080 '])(
    'is not %j',
    (text) => {
      expect(() => parseListen(text)).toThrow('expected HOST:PORT such as 127.0.0.1:8080 or [::1]:8080');
    },
  );
});

describe('--store', () => {
  it('memory opens a store in memory', async () => {
    const choice = storeOption.parse('memory');
    expect(choice.text).toBe('memory');
    const engine = await choice.open({ onFailure: () => {}, warn: () => {}, patienceMs: 1000, etcd: {} });
    expect(engine.name).toBe('memory');
    await engine.close();
  });
});

describe('a folder of --store', () => {
  it.each([
    'etcd',
    'http://10.0.0.1:2379',
    'https://a:1,https://b:1/shop',
    'ETCD=http://a:1',
    'etcd:http://a:1',
    'etcd://a:1',
  ])('is not %s, which is meant for etcd', (text) => {
    expect(() => storeOption.parse(text)).toThrow(
      'an etcd is given as etcd=URL[,URL…][/prefix], such as etcd=http://10.0.0.1:2379; for a folder of this name, ' +
        `write ./${text}`,
    );
  });

  it.each(['./etcd', './http://a:1', 'etcd-data', '/srv/etcd', 'etcdata', 'data=1'])('may be %s', (text) => {
    expect(storeOption.parse(text)).toMatchObject({ text, isEtcd: false, isExclusive: true });
  });
});

describe('--jwt-key', () => {
  it('names one file or several', () => {
    expect(SERVE_OPTIONS['jwt-key'].parse('a,b')).toEqual(['a', 'b']);
    expect(() => SERVE_OPTIONS['jwt-key'].parse('a,')).toThrow('expected files, with commas between them');
  });
});
