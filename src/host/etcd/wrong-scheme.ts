/**
 * Whether a member speaks the other one of http and https. etcd itself does not say so: it closes the connection, as a
 * member does that is just ending.
 */

import * as tls from 'node:tls';
import { Gateway } from './gateway.ts';

/** In words, with what to do; undefined if it is not so, or cannot be told. */
export async function findWrongScheme(url: string, timeoutMs: number): Promise<string | undefined> {
  if (url.startsWith('https:'))
    return (await speaksHttp(url, timeoutMs)) ? `${url} is no TLS port. Use http in the URL` : undefined;
  return (await speaksTls(url, timeoutMs)) ? `${url} speaks TLS only. Use https in the URL` : undefined;
}

async function speaksHttp(url: string, timeoutMs: number): Promise<boolean> {
  const plain = new Gateway(url.replace('https:', 'http:'), {}, timeoutMs);
  const version = await plain.findVersion(timeoutMs);
  plain.close();
  return version !== undefined;
}

/** Nothing is sent but the greeting, so it does not matter whether the certificate is good. */
function speaksTls(url: string, timeoutMs: number): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = tls.connect({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port),
      rejectUnauthorized: false,
    });
    const end = (speaks: boolean) => {
      socket.destroy();
      resolve(speaks);
    };
    socket.setTimeout(timeoutMs, () => end(false));
    socket.once('secureConnect', () => end(true));
    socket.on('error', () => end(false));
    socket.once('close', () => end(false));
  });
}
