/** A process of its own for bad-input.test.ts: reads the photo on its standard input, and says how much memory that took at most. */
import { readImage } from '../../../faces/check/read-image';
import { FaceReader } from '../../../faces/face-reader';
import { peakMemoryBytes } from '../../../gpu-worker/peak-memory';

async function main(): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  const read = await readImage(
    { image: { file: 'large.jpg' }, bytes: Buffer.concat(chunks) },
    0,
    await FaceReader.open(),
  );
  const faceWidth = Math.round((read.face?.box.width ?? 0) * read.scale);
  console.log(JSON.stringify({ faceWidth, peakMb: Math.round(peakMemoryBytes() / 2 ** 20) }));
}

void main();
