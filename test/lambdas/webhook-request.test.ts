/** One POST, against receivers on real sockets that misbehave. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { postWebhook } from '../../lambdas/webhook-request';
import { type Answer, answering, CERTIFICATE, startTestReceiver, type TestReceiver } from './webhook-fixtures';

const REPOSITORY = path.resolve(__dirname, '../..');
const LOOPBACK = [{ address: '127.0.0.1', family: 4 }];

/** Far more than the buffers of two sockets take. */
const MUCH_BYTES = 64 * 1024 * 1024;

let receivers: TestReceiver[] = [];
afterEach(async () => {
  await Promise.all(receivers.map((receiver) => receiver.close()));
  receivers = [];
});

async function start(answer: Answer, scheme: 'http' | 'https' = 'http'): Promise<TestReceiver> {
  const receiver = await startTestReceiver(answer, scheme);
  receivers.push(receiver);
  return receiver;
}

function post(url: string, options: { ca?: string; signal?: AbortSignal; addresses?: typeof LOOPBACK } = {}) {
  const { signal = new AbortController().signal, addresses = LOOPBACK, ca } = options;
  const headers = { 'content-type': 'application/json', 'webhook-id': 'evt_1' };
  return postWebhook({ url: new URL(url), addresses, headers, body: '{"ö":1}', signal, ca });
}

test('sends the bytes to the checked address, with the name in Host', async () => {
  const receiver = await start(answering(204, { 'retry-after': '7' }));
  // No resolver knows a name that ends in .example: only the pinned address can have been used.
  const answer = await post(`http://receiver.example:${receiver.port}/hooks?a=1`);
  expect(answer).toEqual({ statusCode: 204, retryAfter: '7' });
  const [request] = receiver.received;
  expect(request?.url).toBe('/hooks?a=1');
  expect(request?.body).toBe('{"ö":1}');
  expect(request?.headers).toMatchObject({
    host: `receiver.example:${receiver.port}`,
    'webhook-id': 'evt_1',
    'content-length': '8',
  });
});

test('TLS: the certificate must be of the name, though the address is pinned', async () => {
  const receiver = await start(answering(200), 'https');
  const ca = CERTIFICATE;
  expect((await post(`https://receiver.example:${receiver.port}/`, { ca })).statusCode).toBe(200);
  await expect(post(`https://another.example:${receiver.port}/`, { ca })).rejects.toMatchObject({
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  });
  await expect(post(`https://receiver.example:${receiver.port}/`)).rejects.toMatchObject({
    code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
  });
  expect(receiver.received).toHaveLength(1);
});

test('TLS stays verified when the environment says otherwise', async () => {
  const receiver = await start(answering(200), 'https');
  // Node reads the variable of the process itself, which is not the one that a test can set.
  const program = `
    require('./bin/typescript');
    const { postWebhook } = require('./lambdas/webhook-request');
    const url = new URL('https://receiver.example:${receiver.port}/');
    const addresses = ${JSON.stringify(LOOPBACK)};
    postWebhook({ url, addresses, headers: {}, body: '', signal: new AbortController().signal })
      .then(({ statusCode }) => console.log(statusCode), ({ code }) => console.log(code));`;
  const env = { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: '0' };
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', program], { cwd: REPOSITORY, env });
  expect(stdout.trim()).toBe('DEPTH_ZERO_SELF_SIGNED_CERT');
});

test('a redirect is an answer like any other: nobody goes there', async () => {
  const target = await start(answering(200));
  for (const statusCode of [301, 302, 303, 307, 308]) {
    const receiver = await start(answering(statusCode, { location: `http://127.0.0.1:${target.port}/` }));
    expect((await post(`http://receiver.example:${receiver.port}/`)).statusCode).toBe(statusCode);
  }
  expect(target.received).toEqual([]);
});

test('of a huge answer only the beginning is read', async () => {
  let written = 0;
  let closed = () => {};
  const isClosed = new Promise<void>((resolve) => {
    closed = resolve;
  });
  const receiver = await start((response) => {
    response.writeHead(200);
    const chunk = Buffer.alloc(1024 * 1024);
    const write = () => {
      written += chunk.length;
      if (response.destroyed) return;
      if (written < MUCH_BYTES) response.write(chunk, () => write());
      else response.end();
    };
    response.on('close', closed);
    response.on('error', () => {});
    write();
  });
  expect((await post(`http://receiver.example:${receiver.port}/`)).statusCode).toBe(200);
  await isClosed;
  expect(written).toBeLessThan(MUCH_BYTES);
});

test('a receiver that says nothing, and one that never ends its answer, are left when the time is up', async () => {
  const silent = await start(() => {});
  const endless = await start((response) => {
    response.writeHead(202);
    response.write('x');
  });
  const stop = new AbortController();
  const toSilent = post(`http://receiver.example:${silent.port}/`, { signal: stop.signal });
  const toEndless = post(`http://receiver.example:${endless.port}/`, { signal: stop.signal });
  const refused = expect(toSilent).rejects.toThrow('Time is up.');
  while (silent.received.length === 0 || endless.received.length === 0) await new Promise(setImmediate);
  stop.abort(new Error('Time is up.'));
  await refused;
  // It had said before that it takes the webhook; or the status had not arrived yet.
  const outcome = await toEndless.catch((error: Error) => error.message);
  expect([{ statusCode: 202, retryAfter: null }, 'Time is up.']).toContainEqual(outcome);
});

test('an answer cut off after its status still counts', async () => {
  const receiver = await start((response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('beginning', () => response.destroy());
  });
  expect((await post(`http://receiver.example:${receiver.port}/`)).statusCode).toBe(200);
});

test('a connection closed without an answer, a refused one and one that changes protocol are errors', async () => {
  const closing = await start((response) => response.socket?.destroy());
  await expect(post(`http://receiver.example:${closing.port}/`)).rejects.toThrow('socket hang up');
  const switching = await start((response) => {
    response.socket?.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n');
  });
  await expect(post(`http://receiver.example:${switching.port}/`)).rejects.toThrow();
  const gone = await start(answering(200));
  await gone.close();
  receivers = receivers.filter((receiver) => receiver !== gone);
  await expect(post(`http://receiver.example:${gone.port}/`)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('no connection without a checked address, nor after the time is up', async () => {
  const receiver = await start(answering(200));
  const url = `http://receiver.example:${receiver.port}/`;
  await expect(post(url, { addresses: [] })).rejects.toThrow('at least one');
  await expect(post(url, { signal: AbortSignal.abort(new Error('Too late.')) })).rejects.toThrow('Too late.');
  expect(receiver.received).toEqual([]);
});
