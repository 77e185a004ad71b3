/**
 * The main thread's side of a generation: starts the thread, passes its events on, stops it. The main thread stays free, so
 * progress, signals and timers work while a network runs.
 */
import { Worker } from 'node:worker_threads';
import { CancelFlag } from './cancellation';
import type { GenerationEvent, GenerationRequest, GenerationResult } from './generate';
import type { ThreadData, ThreadMessage } from './generate-thread';
import { programOf } from './part';
import { fromPortable } from './portable-error';
import { type Snapshot, withOutput } from './snapshot';

export interface Generation {
  /** Rejects with what `generate` throws. */
  readonly result: Promise<GenerationResult>;
  /** Stop after the step that is running; `result` then rejects with GenerationCanceled. */
  cancel(): void;
  /** How far the denoising has come, after the last step that is done; nothing before it begins. */
  snapshot(): Snapshot;
}

/** @param onEvent is called after `snapshot()` holds what the event tells of. */
export function startGeneration(request: GenerationRequest, onEvent: (event: GenerationEvent) => void): Generation {
  const cancel = new CancelFlag();
  let snapshot: Snapshot = { outputs: [] };
  const workerData: ThreadData = { request, cancelBuffer: cancel.buffer };
  const { file, execArgv } = programOf('generate-thread');
  const worker = new Worker(file, { workerData, execArgv: [...execArgv] });
  const result = new Promise<GenerationResult>((resolve, reject) => {
    worker.on('message', (message: ThreadMessage) => {
      if (message.type === 'event') onEvent(message.event);
      else if (message.type === 'snapshot') snapshot = withOutput(snapshot, message.output, message.state);
      else if (message.type === 'done') resolve(message.result);
      else reject(fromPortable(message.error));
    });
    worker.on('error', reject);
    worker.on('exit', (code) => reject(new Error(`The generating thread ended without a result (exit code ${code}).`)));
  });
  return { result, cancel: () => cancel.set(), snapshot: () => snapshot };
}
