/** One reader for everything in a process that looks at faces: its networks are loaded once, when they are first needed. */
import { FaceReader } from './face-reader';

let opened: Promise<FaceReader> | null = null;

/** The built-in models on one thread. Never released: a process that looks at photos goes on to. */
export function sharedFaces(): Promise<FaceReader> {
  opened ??= FaceReader.open().catch((error: Error) => {
    // A file that was missing may be there at the next try.
    opened = null;
    throw error;
  });
  return opened;
}
