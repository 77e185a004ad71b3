/** The thread that generates: everything that blocks happens here. Its messages are those of `ThreadMessage`. */
import { parentPort, workerData } from 'node:worker_threads';
import { CancelFlag } from './cancellation';
import { type GenerationEvent, type GenerationRequest, type GenerationResult, generate } from './generate';
import { type PortableError, toPortable } from './portable-error';
import { buffersOf, copyOfState, type OutputState } from './snapshot';

/** What the starting thread hands over. */
export interface ThreadData {
  readonly request: GenerationRequest;
  readonly cancelBuffer: SharedArrayBuffer;
}

export type ThreadMessage =
  | { readonly type: 'event'; readonly event: GenerationEvent }
  | { readonly type: 'snapshot'; readonly output: number; readonly state: OutputState }
  | { readonly type: 'done'; readonly result: GenerationResult }
  | { readonly type: 'failed'; readonly error: PortableError };

async function run(): Promise<void> {
  const { request, cancelBuffer } = workerData as ThreadData;
  const post = (message: ThreadMessage, owned: ArrayBuffer[] = []) => parentPort?.postMessage(message, owned);
  try {
    const cancel = new CancelFlag(cancelBuffer);
    const result = await generate(request, {
      cancel,
      onEvent: (event) => post({ type: 'event', event }),
      onSnapshot: (output, state) => {
        const copy = copyOfState(state);
        post({ type: 'snapshot', output, state: copy }, buffersOf(copy));
      },
    });
    post({ type: 'done', result });
  } catch (error) {
    post({ type: 'failed', error: toPortable(error) });
  }
}

void run();
