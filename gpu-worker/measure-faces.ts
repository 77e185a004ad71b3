/** Reads the faces of the finished videos and of the photos: the figures for report.json, and two pictures a video for report.html. */
import path from 'node:path';
import type { Manifest } from '../contract/manifest';
import { type ReportFaces, ReportFacesSchema } from '../contract/report-faces';
import { faceFigures, referenceFigures } from '../evaluation/face-figures';
import { faceTrack, type ReferenceFace, readReferenceFace, type TrackedFrame } from '../evaluation/face-track';
import { frameIdentities } from '../evaluation/metrics/identity';
import type { ExtremePictures } from '../evaluation/report/media';

import { openClip } from '../evaluation/video/frames';
import { FaceReader } from '../faces/face-reader';
import { faceSettingsOf } from '../faces/face-settings';
import { type Pixels, readPixels, toSharp } from '../faces/pixels';

export interface FaceMeasurement {
  /** Its faces.json says with which networks. */
  readonly modelDir: string;
  readonly manifest: Manifest;
  readonly setFolder: string;
  /** Videos, as files. */
  readonly videos: readonly string[];
  /** Called between two frames, to end it by throwing. */
  readonly requireRunning: () => void;
}

export interface MeasuredFaces {
  readonly faces: ReportFaces;
  /** One a video. */
  readonly extremes: readonly (ExtremePictures | null)[];
}

/** The networks are so small that more threads wait for each other. */
const NUM_THREADS = 2;
const PICTURE = { side: 320, quality: 85 } as const;

/** @throws FaceModelError without its models, VideoUnreadable, ZodError for figures that are none, and what `requireRunning` throws. */
export async function measureFaces(measurement: FaceMeasurement): Promise<MeasuredFaces> {
  const { modelDir, manifest, setFolder, videos, requireRunning } = measurement;
  const reader = await FaceReader.open(await faceSettingsOf(modelDir), NUM_THREADS);
  try {
    const { images } = manifest.reference_set;
    const references: ReferenceFace[] = [];
    for (const { file } of images) {
      requireRunning();
      references.push(await readReferenceFace(reader, await readPixels(path.join(setFolder, file))));
    }
    const outputs: ReportFaces['outputs'] = [];
    const extremes: (ExtremePictures | null)[] = [];
    for (const video of videos) {
      const pictures = new Extremes();
      const track = await faceTrack(reader, await openClip(video), {
        references,
        onFrame: async (tracked, pixels) => {
          requireRunning();
          await pictures.offer(tracked, pixels);
        },
      });
      outputs.push(faceFigures(track, references, reader.embedderSettings));
      extremes.push(pictures.found());
    }
    const { thresholds, impostor, arcface } = reader.embedderSettings;
    // A network of the user's own may give anything: what is no figure must not reach the report.
    const faces = ReportFacesSchema.parse({
      measured_with: reader.id,
      is_arcface: arcface,
      calibration: { ...thresholds, impostor: impostor ?? null },
      references: references.map((reference, i) => referenceFigures(images[i]!.file, reference)),
      outputs,
    } satisfies ReportFaces);
    return { faces, extremes };
  } finally {
    await reader.release();
  }
}

/** Keeps the pictures of the best and the worst frame so far, as metrics/identity.ts chooses them. */
class Extremes {
  private best: { mean: number; jpeg: Uint8Array } | undefined;
  private worst: { mean: number; jpeg: Uint8Array } | undefined;

  async offer(tracked: TrackedFrame, pixels: Pixels): Promise<void> {
    const [identity] = frameIdentities([tracked]);
    if (!identity) return;
    const { mean } = identity;
    const isBest = !this.best || mean > this.best.mean;
    const isWorst = !this.worst || mean < this.worst.mean;
    if (!isBest && !isWorst) return;
    const jpeg = await thumbnail(pixels);
    if (isBest) this.best = { mean, jpeg };
    if (isWorst) this.worst = { mean, jpeg };
  }

  found(): ExtremePictures | null {
    return this.best && this.worst ? { best: this.best.jpeg, worst: this.worst.jpeg } : null;
  }
}

function thumbnail(pixels: Pixels): Promise<Uint8Array> {
  return toSharp(pixels)
    .resize({ width: PICTURE.side, height: PICTURE.side, fit: 'inside', withoutEnlargement: true })
    .jpeg({ quality: PICTURE.quality })
    .toBuffer();
}
