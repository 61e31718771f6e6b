/**
 * A registry of packages on this machine: it has what is installed here. So a test may follow a text that says `npm
 * install`, without a network.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { temporaryFolder } from './temporary-folder.ts';

const MODULES = resolve('node_modules');

/** The settings with which npm asks it and nothing else. Call it where tests are declared, and use them in tests. */
export function packageRegistry(): Record<string, string> {
  const folder = temporaryFolder();
  const settings: Record<string, string> = { npm_config_cache: join(folder, 'cache'), npm_config_audit: 'false' };
  const server = createServer(({ url = '' }, response) => {
    const [, name = '', tarball] = /^\/((?:@[^/]+\/)?[^/]+?)(\.tgz)?$/.exec(decodeURIComponent(url)) ?? [];
    const path = join(MODULES, name);
    if (!existsSync(join(path, 'package.json'))) response.writeHead(404).end('{}');
    else if (tarball === undefined) response.end(describePackage(name, `${settings.npm_config_registry}${name}.tgz`));
    else response.end(execFileSync('tar', ['-czf', '-', '-C', dirname(path), basename(path)], { maxBuffer: 2 ** 28 }));
  });
  beforeAll(async () => {
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    settings.npm_config_registry = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  afterAll(() => server.close());
  return settings;
}

function describePackage(name: string, tarball: string): string {
  const installed = JSON.parse(readFileSync(join(MODULES, name, 'package.json'), 'utf8')) as { version: string };
  const { version } = installed;
  return JSON.stringify({
    name,
    'dist-tags': { latest: version },
    versions: { [version]: { ...installed, dist: { tarball } } },
  });
}
