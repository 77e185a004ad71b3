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
/**
 * Eyes that nothing covers: this share of them has the colour of skin, or pupil, white and lashes make this contrast (standard deviation
 * of the logarithm of the luma).
 */
export const BARE_EYES = { skin: 0.25, contrast: 0.28 } as const;
/** The same of nose and mouth, whose contrast is that of the lips. */
export const BARE_MOUTH = { skin: 0.15, contrast: 0.2 } as const;
/** Texture of the smooth places of a face over that of its rich ones: photos have 0.06 and more, most renders 0.03. */
export const MIN_TEXTURE_RATIO = 0.04;
/** Degrees of yaw up to which the places of eyes, nose and mouth are sure enough to tell what covers them. */
export const MAX_SIGNS_YAW = 50;
