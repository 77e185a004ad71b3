/**
 * The status page of `mv2id serve`: jobs as they run, a form that submits a reference set, and the signed links to references and
 * results. It answers on loopback unless told otherwise; it has no users and no passwords, so who reaches it may do everything.
 */
import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { createAdaptorServer } from '@hono/node-server';
import { JobLedger } from '../../clients/job-ledger';
import type { LocalPorts } from '../../clients/local/local-ports';
import { statusApp } from './app';

export interface StatusPageOptions {
  readonly ports: LocalPorts;
  /** Address to listen on; 127.0.0.1 unless given. */
  readonly host?: string;
  /** 8321 unless given; 0 takes any free one. */
  readonly port?: number;
  /** More names in the Host header to answer to, when a proxy or another machine leads here. */
  readonly hostNames?: readonly string[];
  /** How often an open page asks for news, milliseconds: 1,000. */
  readonly pollMs?: number;
  readonly now?: () => Date;
}

export interface StatusPage {
  /** Without a slash at the end. */
  readonly url: string;
  /** Ends open connections too. */
  close(): Promise<void>;
}

const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_PORT = 8321;
const DEFAULT_POLL_MS = 1000;
const CSRF_TOKEN_BYTES = 24;

/** @throws the listener's own error: EADDRINUSE where something else listens. */
export async function startStatusPage(options: StatusPageOptions): Promise<StatusPage> {
  const { ports, host = DEFAULT_HOST, port = DEFAULT_PORT, now = () => new Date() } = options;
  const app = statusApp({
    ports,
    ledger: new JobLedger(ports, now),
    linkKey: await ports.linkKey(),
    fileOf: (bucket, key) => path.join(ports.home.bucket(bucket), ...key.split('/')),
    host,
    hostNames: options.hostNames ?? [],
    pollMs: options.pollMs ?? DEFAULT_POLL_MS,
    csrfToken: randomBytes(CSRF_TOKEN_BYTES).toString('base64url'),
    now,
  });
  const server = createAdaptorServer({ fetch: app.fetch });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return {
    url: `http://${urlHost(host)}:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  };
}

/** What a browser on this machine puts into its address bar. */
function urlHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
