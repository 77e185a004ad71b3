/**
 * Makes a clip and a poster, signed with the certificate of the environment, in the folder that it is given; a process of its own,
 * because the library is an ES module and Jest loads none.
 */
import path from 'node:path';
import { openSigner } from '../../../gpu-worker/provenance/content-credentials';
import { credentialsFromEnv } from '../../../gpu-worker/provenance/credentials-from-env';
import { openVideoWriter, writePoster } from '../../../gpu-worker/video';
import { ORIGIN } from '../../origin';

const SIZE = { width: 64, height: 64 };

async function main(folder: string): Promise<void> {
  const credentials = await credentialsFromEnv();
  if (!credentials) throw new Error('The environment must name a certificate, got none.');
  const marking = { origin: ORIGIN, sign: await openSigner(credentials) };
  const frame = new Float32Array(3 * SIZE.width * SIZE.height);
  const writer = await openVideoWriter(path.join(folder, 'video.mp4'), SIZE, 8, marking);
  for (let i = 0; i < 9; i++) await writer.add(frame.fill(i / 9));
  await writer.finish();
  await writePoster(path.join(folder, 'poster.jpg'), frame, SIZE, marking);
}

main(process.argv[2]!).catch((error: Error) => {
  process.stderr.write(`${error.name}: ${error.message}\n`);
  process.exitCode = 1;
});
