/** The detector that settings ask for. */
import { Blazeface } from './blazeface';
import type { FaceDetector } from './detector';
import type { DetectorSettings } from './face-settings';
import { Scrfd } from './scrfd';
import { YuNet } from './yunet';

/** How a detector of the user's own is run: its settings, and how many threads one operator may use. */
export type PluginOptions = Omit<DetectorSettings, 'kind'> & { readonly numThreads?: number };

const GREY = 128;

/**
 * @param settings null for the built-in one.
 * @throws FaceModelError when a file is not there, or not what the settings say: asked by showing it a grey picture.
 */
export async function openDetector(settings: DetectorSettings | null, numThreads?: number): Promise<FaceDetector> {
  if (!settings) return Blazeface.open({ numThreads });
  const { kind, ...options } = settings;
  const Detector = { yunet: YuNet, scrfd: Scrfd }[kind];
  const detector = await Detector.open({ ...options, numThreads });
  const { size } = settings;
  try {
    await detector.detect({ data: new Uint8Array(3 * size * size).fill(GREY), width: size, height: size });
    return detector;
  } catch (error) {
    await detector.release();
    throw error;
  }
}
