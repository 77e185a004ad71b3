/** fauxqs for S3 and SQS, dynalite for DynamoDB, and our own stand-in for the rest: they need nothing but npm. */
import { once } from 'node:events';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { EMULATED_REGION, type Emulator } from './emulator';
import { type StandIn, startStandIn } from './stand-in';

const THREAD = path.join(__dirname, 'npm-emulators-thread.js');

export interface NpmEmulators extends Emulator {
  /** What answers for Batch and Secrets Manager. */
  readonly standIn: StandIn;
}

export async function startNpmEmulators(): Promise<NpmEmulators> {
  const thread = new Worker(THREAD);
  const standIn = await startStandIn();
  const [{ endpoints }] = (await once(thread, 'message')) as [{ endpoints: Emulator['endpoints'] }];
  return {
    region: EMULATED_REGION,
    endpoint: standIn.endpoint,
    endpoints,
    standIn,
    advance: async (seconds) => {
      const advanced = once(thread, 'message');
      thread.postMessage({ advanceSeconds: seconds });
      await advanced;
    },
    stop: async () => {
      await standIn.stop();
      await thread.terminate();
    },
  };
}
