/**
 * One POST to a receiver that nobody trusts: to the addresses that were checked and no others, without redirects, with TLS verified,
 * bounded in time and in what is read. Of the answer only the status and Retry-After matter, and nothing else is kept.
 */
import type { LookupAddress } from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';

export interface WebhookRequest {
  readonly url: URL;
  /** What the name of the URL was resolved to, at least one. */
  readonly addresses: readonly LookupAddress[];
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Ends the request, whatever it waits for. */
  readonly signal: AbortSignal;
  /** Certificate authorities in place of the system's (PEM). */
  readonly ca?: string;
}

export interface WebhookAnswer {
  readonly statusCode: number;
  /** The header as it came. */
  readonly retryAfter: string | null;
}

/** Nobody needs to answer a webhook with more. */
const MAX_ANSWER_BYTES = 4096;

/** @throws whatever kept the status from coming: the socket's error, or the signal's reason. */
export function postWebhook({ url, addresses, headers, body, signal, ca }: WebhookRequest): Promise<WebhookAnswer> {
  const { request } = url.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    const outgoing = request(url, {
      method: 'POST',
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
      // A connection of its own: one that is kept could lead to an address that was checked for another name.
      agent: false,
      lookup: pinnedLookup(addresses),
      rejectUnauthorized: true,
      ...(ca !== undefined && { ca }),
    });
    const abort = () => outgoing.destroy(signal.reason instanceof Error ? signal.reason : new Error('Stopped.'));
    let answer: WebhookAnswer | null = null;
    // A status that has come stands, however the rest of the answer ends.
    const settle = (error: Error) => (answer ? resolve(answer) : reject(error));
    outgoing.on('response', (response) => {
      const { statusCode = 0 } = response;
      answer = { statusCode, retryAfter: response.headers['retry-after'] ?? null };
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MAX_ANSWER_BYTES) outgoing.destroy();
      });
      response.on('error', settle);
    });
    outgoing.on('error', settle);
    outgoing.on('close', () => {
      signal.removeEventListener('abort', abort);
      settle(new Error('The connection was closed without an answer.'));
    });
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    outgoing.end(body);
  });
}

/** Answers every question with what was checked; the name stays in SNI and in the Host header. */
function pinnedLookup(addresses: readonly LookupAddress[]): LookupFunction {
  return (_hostname, { all }, callback) => {
    const [first] = addresses;
    if (!first) callback(new Error('addresses must hold at least one, got none.'), '', 0);
    else if (all) callback(null, [...addresses]);
    else callback(null, first.address, first.family);
  };
}
