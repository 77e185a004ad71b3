/** What a reference set must be for a face to be known from it. Starting points, fitted on film stills of a dozen people. */

/** A second face counts as one when it is this wide, as a share of the main one: smaller ones are people behind. */
export const SECOND_FACE_SHARE = 0.3;
/** Pixels. An embedder reads 112; with less the face is made up. */
export const MIN_FACE_WIDTH = 112;
/** Pixels. The faces of a 480p video are about this wide. */
export const GOOD_FACE_WIDTH = 160;
/** Grey levels squared, at 112 x 112. */
export const MIN_SHARPNESS = 50;
/** Degrees. Landmarks hold up to here. */
export const MAX_ROLL = 45;
/** Degrees from the camera within which a view is frontal. */
export const FRONTAL_YAW = 30;
/** Degrees between the outermost views. */
export const MIN_SPREAD = 45;
/** Degrees beyond which a view is one from the side. */
export const SIDE_YAW = 25;
/** Degrees. Two views that are closer tell the same. */
export const DUPLICATE_YAW = 10;
/** Also of pitch: looking up and straight ahead are two views. */
export const DUPLICATE_PITCH = 15;
/** Cosine and degrees from which two files hold one picture, saved twice. */
export const SAME_PICTURE = { similarity: 0.99, degrees: 3 } as const;
/** Largest difference between the channels of a picture without colours, in its mean: what JPEG leaves. */
export const GREY_CHROMA = 2;
