/** What each picture of a set must be, whatever the others are. */
import type { View } from '../../contract/manifest';
import { type Finding, yawText } from '../../contract/reference-check';
import { aboutImage } from './finding';
import type { ReadImage } from './read-image';
import * as limits from './thresholds';

type ImageRule = (image: ReadImage) => Finding | null;

/** Yaw in degrees that each view of job.json stands for. Others are not judged: pitch is too rough, and a back has no face. */
const VIEW_YAWS: Partial<Record<View, readonly [least: number, most: number]>> = {
  front: [-limits.FRONTAL_YAW, limits.FRONTAL_YAW],
  left_45: [15, 75],
  left_profile: [50, 180],
  right_45: [-75, -15],
  right_profile: [-180, -50],
};

const oneFace: ImageRule = (read) => {
  const { faces, image } = read;
  if (faces.length === 0) {
    if (image.view === 'back') return null;
    return aboutImage('no_face', read, { rule: 'a photo of one face', got: 'no face', figure: 0 });
  }
  if (faces.length === 1) return null;
  const share = Math.round((100 * faces[1]!.box.width) / faces[0]!.box.width);
  const got = `${faces.length} faces, the second ${share} % as wide as the first`;
  return aboutImage('several_faces', read, { rule: 'a photo of one face', got, figure: faces.length });
};

const largeFace: ImageRule = (read) => {
  if (!read.face) return null;
  const width = faceWidth(read);
  if (width >= limits.GOOD_FACE_WIDTH) return null;
  const got = `a face ${width} pixels wide`;
  return width < limits.MIN_FACE_WIDTH
    ? aboutImage('small_face', read, {
        rule: `a photo of a face at least ${limits.MIN_FACE_WIDTH} pixels wide`,
        got,
        figure: width,
      })
    : aboutImage('low_resolution_face', read, {
        rule: `a photo of a face at least ${limits.GOOD_FACE_WIDTH} pixels wide for a sharp video`,
        got,
        figure: width,
      });
};

const sharpFace: ImageRule = (read) => {
  if (!read.face || read.face.sharpness >= limits.MIN_SHARPNESS) return null;
  const figure = Math.round(read.face.sharpness);
  const rule = `a sharp photo (variance of the Laplacian at least ${limits.MIN_SHARPNESS})`;
  return aboutImage('blurred_face', read, { rule, got: `${figure}`, figure });
};

const uprightHead: ImageRule = (read) => {
  const roll = read.face?.pose.roll ?? 0;
  if (Math.abs(roll) <= limits.MAX_ROLL) return null;
  const figure = Math.round(roll);
  const rule = `a photo of a head that leans at most ${limits.MAX_ROLL}°`;
  return aboutImage('extreme_roll', read, { rule, got: `${Math.abs(figure)}°`, figure });
};

const colourPicture: ImageRule = (read) => {
  if (read.chroma >= limits.GREY_CHROMA) return null;
  const got = 'black and white';
  return aboutImage('grey_picture', read, { rule: 'a photo in colour', got, figure: Number(read.chroma.toFixed(1)) });
};

const bareEyes: ImageRule = (read) => {
  if (!hasCoveredEyes(read)) return null;
  const got = 'something before the eyes, as sunglasses are';
  return aboutImage('covered_eyes', read, { rule: 'a photo with the eyes in sight', got });
};

const bareMouth: ImageRule = (read) => {
  if (!hasCoveredMouth(read)) return null;
  const got = 'something before the mouth, as a mask or a scarf is';
  return aboutImage('covered_mouth', read, { rule: 'a photo with nose and mouth in sight', got });
};

/** What covers a face is often of one colour, which says nothing about the picture. */
const photographedFace: ImageRule = (read) => {
  const ratio = read.signs?.textureRatio ?? 1;
  if (ratio >= limits.MIN_TEXTURE_RATIO || hasCoveredEyes(read) || hasCoveredMouth(read)) return null;
  const got = 'skin as smooth as in a drawing or a render';
  const figure = Number(ratio.toFixed(3));
  return aboutImage('drawn_face', read, { rule: 'a photo for a likeness of a real person', got, figure });
};

function hasCoveredEyes({ signs }: ReadImage): boolean {
  const { coverings } = signs ?? {};
  if (!coverings) return false;
  return coverings.eyeSkin < limits.BARE_EYES.skin && coverings.eyeContrast < limits.BARE_EYES.contrast;
}

function hasCoveredMouth({ signs }: ReadImage): boolean {
  const { coverings } = signs ?? {};
  if (!coverings) return false;
  return coverings.mouthSkin < limits.BARE_MOUTH.skin && coverings.mouthContrast < limits.BARE_MOUTH.contrast;
}

const statedView: ImageRule = (read) => {
  const { view } = read.image;
  const range = view && VIEW_YAWS[view];
  if (!range || !read.face) return null;
  const { yaw } = read.face.pose;
  if (yaw >= range[0] && yaw <= range[1]) return null;
  const rule = `turned as its view says (${view})`;
  return aboutImage('view_differs', read, { rule, got: yawText(yaw), figure: Math.round(yaw) });
};

export const IMAGE_RULES: readonly ImageRule[] = [
  oneFace,
  largeFace,
  sharpFace,
  uprightHead,
  colourPicture,
  bareEyes,
  bareMouth,
  photographedFace,
  statedView,
];

/** Of the main face, in pixels of the file. */
export function faceWidth({ face, scale }: ReadImage): number {
  return face ? Math.round(face.box.width * scale) : 0;
}
