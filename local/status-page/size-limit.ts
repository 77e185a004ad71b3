/** Ends a stream that grows beyond a limit, while it flows. */
import { Transform } from 'node:stream';

export class TooManyBytes extends Error {
  override readonly name = 'TooManyBytes';
  constructor(readonly maxBytes: number) {
    super(`The file must be at most ${maxBytes} bytes, got more.`);
  }
}

/** Passes everything on. @throws TooManyBytes into the pipeline. */
export function limitSize(maxBytes: number): Transform {
  let numBytes = 0;
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      numBytes += chunk.byteLength;
      if (numBytes > maxBytes) done(new TooManyBytes(maxBytes));
      else done(null, chunk);
    },
  });
}
