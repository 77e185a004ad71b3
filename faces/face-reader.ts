/** Looks at the faces of a picture: where they are, how they are turned, whose they are, and how sharp they are. */
import { alignFace, alignment } from './align';
import type { DetectedFace, FaceDetector } from './detector';
import type { EmbedderSettings, Embedding, FaceEmbedder } from './embedder';
import { builtInFaces, type FaceSettings } from './face-settings';
import { FaceModelError } from './onnx-model';
import { openDetector } from './open-detector';
import { openEmbedder } from './open-embedder';
import type { Pixels } from './pixels';
import { type HeadPose, headPose } from './pose';
import { sharpness } from './sharpness';

export interface FoundFace extends DetectedFace {
  readonly pose: HeadPose;
  /** Null where it was not asked for. */
  readonly embedding: Embedding | null;
}

export interface FaceReading extends FoundFace {
  /** Variance of the Laplacian of the face at 112 x 112. */
  readonly sharpness: number;
}

export interface ReadOptions {
  /** Of how many faces, the largest first, the embedding is wanted; 1 unless given, 0 for pose and place alone. */
  readonly embeddings?: number;
}

/** Sharpness is compared at one size. */
const SHARPNESS_AT = { size: 112, zoom: 1, dy: 0 } as const;

export class FaceReader {
  private constructor(
    private readonly detector: FaceDetector,
    private readonly embedder: FaceEmbedder,
  ) {}

  /**
   * @param numThreads that one operator may use; 1 unless given.
   * @throws FaceModelError that names the field, when a model of the user's own is not what its settings say.
   */
  static async open(settings: FaceSettings = builtInFaces(), numThreads?: number): Promise<FaceReader> {
    const detector = await inField('detector', openDetector(settings.detector, numThreads));
    try {
      return new FaceReader(detector, await inField('embedder', openEmbedder(settings.embedder, numThreads)));
    } catch (error) {
      await detector.release();
      throw error;
    }
  }

  /** What a figure was measured with: detector and embedder, by name and file. */
  get id(): string {
    return `${this.detector.id} + ${this.embedder.id}`;
  }

  get embedderSettings(): EmbedderSettings {
    return this.embedder.settings;
  }

  /** All faces of a picture, the largest first. */
  async find(picture: Pixels, { embeddings = 1 }: ReadOptions = {}): Promise<FoundFace[]> {
    const found: FoundFace[] = [];
    for (const face of await this.detector.detect(picture)) {
      const pose = headPose(face.landmarks);
      // Landmarks on one spot are no face.
      if (!pose || !alignment(face.landmarks, SHARPNESS_AT)) continue;
      const embedding = found.length < embeddings ? await this.embedder.embed(picture, face.landmarks) : null;
      found.push({ ...face, pose, embedding });
    }
    return found;
  }

  /** As `find`, with how sharp each face is. */
  async read(picture: Pixels, options?: ReadOptions): Promise<FaceReading[]> {
    return (await this.find(picture, options)).map((face) => {
      const similarity = alignment(face.landmarks, SHARPNESS_AT)!;
      return { ...face, sharpness: sharpness(alignFace(picture, similarity, SHARPNESS_AT.size)) };
    });
  }

  async release(): Promise<void> {
    await this.detector.release();
    await this.embedder.release();
  }
}

/** What is wrong with a model is wrong with a field of the settings. */
async function inField<Opened>(field: keyof FaceSettings, opening: Promise<Opened>): Promise<Opened> {
  return opening.catch((error: Error) => {
    throw error instanceof FaceModelError ? new FaceModelError(`${field}.${error.message}`) : error;
  });
}
