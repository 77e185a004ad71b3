/**
 * From the files of a set to what the model is fed: which views, and each of them in the video's size.
 *
 *   1 look at the faces      where preparation or choice needs them: place, angle, sharpness
 *   2 choose the views       as many as the model was trained with
 *   3 prepare each           cut out and framed, or letterboxed as it is; stored as it is fed
 *
 * The networks run on the CPU with one thread, so that the same photo gives the same bytes wherever a job goes on with the same face
 * models on the same kind of processor: the runtime's kernels differ by instruction set. They are gone before the first of the
 * generator's is loaded. One photo is decoded at a time.
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { REFERENCES_FOLDER, referenceFileName } from '../../contract/keys';
import type { Manifest, Preparation, ReferenceImage } from '../../contract/manifest';
import { JobRejected } from '../../contract/rejection';
import type { ViewChoice } from '../../contract/report';
import { FaceReader } from '../../faces/face-reader';
import type { FaceSettings } from '../../faces/face-settings';
import { Matting } from '../../faces/matting';
import { type Pixels, readPixels, toSharp } from '../../faces/pixels';
import { incompleteImage, requireDecodes } from '../../faces/reference-image';
import type { CancelFlag } from '../cancellation';
import { letterbox, readReferenceFile, type Size, toPlanes } from '../images';
import { writeWholeFile } from '../whole-file';
import { cutOut, type Decode } from './cut-out';
import type { Framing } from './framing';
import { readMainFace, type SeenFace } from './main-face';
import { chooseViews } from './view-choice';

export interface PreparationSettings {
  /** How many views the model takes of this set; 0 for none. */
  readonly numReferences: number;
  readonly video: Size;
  readonly preparation: Preparation;
  /** Of views that are cut out; null leaves the head where the picture has it. */
  readonly framing: Framing | null;
  /** The networks that look at the photos and cut people out. */
  readonly faces: FaceSettings;
}

/** A PNG of exactly the pixels that the model was fed. */
export interface FedReference extends Size {
  /** `references/1-front.png` */
  readonly file: string;
}

/** What became of an image of the set. */
export interface ReferenceUse {
  readonly image: ReferenceImage;
  readonly choice: ViewChoice;
  /** What was done to it: a picture in which nobody is found cannot be cut out. */
  readonly preparation: Preparation;
  /** Degrees; null where no face was found, and where none was looked for. */
  readonly yaw: number | null;
  /** In the out folder; null for a view that was left out. */
  readonly fed: FedReference | null;
}

export interface PreparedReferences {
  /** float32 [3, height, width] each, -1..1, in the manifest's order. */
  readonly pixels: readonly Float32Array[];
  /** One an image of the set; none for a model that takes no references. */
  readonly uses: readonly ReferenceUse[];
}

/** An image beside job.json. */
interface SetFile {
  readonly image: ReferenceImage;
  /** `reference_set.images[2]` */
  readonly field: string;
  /** Reads it anew each time, so that the bytes of no other are held meanwhile. */
  readonly decode: Decode;
}

/**
 * @param outFolder an existing folder; the references are stored in it as they are fed.
 * @throws JobRejected `invalid_image` for any image of the set, taken or not; FaceModelError; GenerationCanceled.
 */
export async function prepareReferences(
  setFolder: string,
  { reference_set }: Manifest,
  settings: PreparationSettings,
  outFolder: string,
  cancel: CancelFlag,
): Promise<PreparedReferences> {
  const files = reference_set.images.map((image, i) => setFile(setFolder, image, `reference_set.images[${i}]`));
  const { numReferences, preparation } = settings;
  if (numReferences === 0) {
    // A broken set is told early, and on every model alike.
    for (const file of files) await file.decode((bytes) => requireDecodes(bytes, file.image, file.field));
    return { pixels: [], uses: [] };
  }

  // 1 Look at the faces
  const isLookedAt = preparation === 'cut_out' || files.length > numReferences;
  const faces = isLookedAt ? await readFaces(files, settings.faces, cancel) : files.map(() => null);

  // 2 Choose the views
  const choices = chooseViews(faces.map(viewReading), numReferences);

  // 3 Prepare each
  const matting = preparation === 'cut_out' ? await Matting.open({ model: settings.faces.matting }) : null;
  try {
    const pixels: Float32Array[] = [];
    const uses: ReferenceUse[] = [];
    for (const [i, file] of files.entries()) {
      cancel.throwIfSet();
      const { image } = file;
      const use = { image, choice: choices[i]!, yaw: faces[i]?.pose.yaw ?? null };
      if (use.choice === 'left_out') {
        uses.push({ ...use, preparation, fed: null });
        continue;
      }
      const person = matting && (await cutOut(file.decode, faces[i] ?? null, settings, matting));
      const picture = person ?? (await file.decode((bytes) => letterbox(bytes, settings.video)));
      const fed = {
        file: referenceFileName(pixels.length + 1, image.file),
        width: picture.width,
        height: picture.height,
      };
      await store(picture, outFolder, fed.file);
      pixels.push(toPlanes(picture));
      uses.push({ ...use, preparation: person ? 'cut_out' : 'as_uploaded', fed });
    }
    return { pixels, uses };
  } finally {
    await matting?.release();
  }
}

function setFile(folder: string, image: ReferenceImage, field: string): SetFile {
  return {
    image,
    field,
    decode: async (decoder) => {
      const bytes = await readReferenceFile(folder, image, field);
      return decoder(bytes).catch((error: Error) => {
        throw error instanceof JobRejected ? error : incompleteImage(image, field, error);
      });
    },
  };
}

async function readFaces(
  files: readonly SetFile[],
  settings: FaceSettings,
  cancel: CancelFlag,
): Promise<(SeenFace | null)[]> {
  const reader = await FaceReader.open(settings);
  try {
    const faces: (SeenFace | null)[] = [];
    for (const file of files) {
      cancel.throwIfSet();
      faces.push(await readMainFace(await file.decode((bytes) => readPixels(bytes)), reader));
    }
    return faces;
  } finally {
    await reader.release();
  }
}

function viewReading(face: SeenFace | null) {
  return { yaw: face?.pose.yaw ?? null, sharpness: face?.sharpness ?? 0 };
}

async function store(picture: Pixels, outFolder: string, file: string): Promise<void> {
  await mkdir(path.join(outFolder, REFERENCES_FOLDER)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await writeWholeFile(path.join(outFolder, file), await toSharp(picture).png().toBuffer());
}
