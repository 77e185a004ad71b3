/** The embedder that settings ask for. */
import { type EmbedderSettings, FaceEmbedder } from './embedder';
import { builtInEmbedder } from './embedder-presets';
import { FaceModelError } from './onnx-model';

const GREY = 128;

/**
 * A model of the user's own is shown a grey face, so that what does not fit is told before anything is measured.
 * @throws FaceModelError when its file is not there, another one, takes no such picture, or gives no direction.
 */
export async function openEmbedder(settings: EmbedderSettings, numThreads?: number): Promise<FaceEmbedder> {
  const embedder = await FaceEmbedder.open(settings, numThreads);
  if (settings.path === builtInEmbedder().path) return embedder;
  const { size, path } = settings;
  try {
    const face = { data: new Uint8Array(3 * size * size).fill(GREY), width: size, height: size };
    const embedding = await embedder.embedAligned(face);
    if (embedding.length > 1 && embedding.every(Number.isFinite)) return embedder;
    throw new FaceModelError(`path must be a network that gives a list of numbers, got ${path} (${embedding.length}).`);
  } catch (error) {
    await embedder.release();
    throw error;
  }
}
