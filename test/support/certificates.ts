/** Certificates for tests of TLS, made by openssl. */

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Whether openssl is installed; says so loudly if not. */
export function hasOpenssl(what: string): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    process.stderr.write(`\n*** SKIPPED: ${what}, because there is no openssl on this machine ***\n\n`);
    return false;
  }
}

/** An authority, and the certificates that it signs. All are files in one folder. */
export class Authority {
  readonly #folder: string;
  readonly #name: string;

  constructor(folder: string, name: string) {
    this.#folder = folder;
    this.#name = name;
    const subject = ['-subj', `/CN=${name}`, '-days', '30'];
    openssl('req', '-x509', ...NEW_KEY, '-keyout', this.#path('key'), '-out', this.file, ...subject);
  }

  get file(): string {
    return this.#path('crt');
  }

  get text(): string {
    return readFileSync(this.file, 'utf8');
  }

  /** @param alternatives as certificates name them: `IP:127.0.0.1`, `DNS:localhost` */
  sign(name: string, alternatives: string, days = 30): { readonly cert: string; readonly key: string } {
    const path = (extension: string) => join(this.#folder, `${this.#name}-${name}.${extension}`);
    writeFileSync(path('ext'), `subjectAltName=${alternatives}\n`);
    openssl('req', '-new', ...NEW_KEY, '-keyout', path('key'), '-out', path('csr'), '-subj', `/CN=${name}`);
    const signer = ['-CA', this.file, '-CAkey', this.#path('key'), '-CAcreateserial'];
    const files = ['-in', path('csr'), '-out', path('crt'), '-extfile', path('ext')];
    openssl('x509', '-req', ...files, ...signer, '-days', String(days));
    return { cert: path('crt'), key: path('key') };
  }

  #path(extension: string): string {
    return join(this.#folder, `${this.#name}.${extension}`);
  }
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
