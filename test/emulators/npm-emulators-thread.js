/**
 * Thread that fauxqs (S3, SQS) and dynalite (DynamoDB) run in: fauxqs is an ES module, which jest cannot load, and a thread ends
 * with its process. Its clock can be put forward, so that no test waits for a visibility timeout.
 */
const { parentPort } = require('node:worker_threads');

const HOST = '127.0.0.1';

let aheadMs = 0;
const realNow = Date.now;
Date.now = () => realNow() + aheadMs;

async function start() {
  const { buildApp } = await import('fauxqs');
  // Its own start function listens on every interface.
  const fauxqs = buildApp({ logger: false });
  const endpoint = await fauxqs.listen({ port: 0, host: HOST });

  const dynalite = require('dynalite')({ createTableMs: 0, deleteTableMs: 0 });
  await new Promise((resolve, reject) => dynalite.once('error', reject).listen(0, HOST, resolve));

  parentPort.on('message', ({ advanceSeconds }) => {
    aheadMs += advanceSeconds * 1000;
    parentPort.postMessage({ type: 'advanced' });
  });
  const dynamodb = `http://${HOST}:${dynalite.address().port}`;
  parentPort.postMessage({ type: 'ready', endpoints: { s3: endpoint, sqs: endpoint, dynamodb } });
}

void start();
