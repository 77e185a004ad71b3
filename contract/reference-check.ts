/**
 * What was found out about the faces of a reference set before anything was spent on it. Stands in the job object, so that whoever
 * uploaded the set sees it there, in the webhook and on the status page, and sees the same from `mv2id check` before any upload.
 */
import { z } from 'zod';

/**
 * What can be wrong with a set that cannot be generated from as it is. Each can be overruled by its name in `reference_set.accept`:
 * a network that judges a face is sometimes wrong, and the uploader can look.
 */
export const ERROR_CODES = [
  /** No face in a picture. */
  'no_face',
  /** A second face nearly as large as the main one. */
  'several_faces',
  /** Too few pixels to know anybody by. */
  'small_face',
  /** No view in which the face is nearly frontal. */
  'no_frontal_view',
  /** Another person than in the other views. */
  'different_person',
  /** Perhaps another person: the uploader must say. */
  'unsure_person',
  /** The same picture once more. */
  'same_picture',
] as const;
export type AcceptableCode = (typeof ERROR_CODES)[number];

/** What makes a set worse than it could be. */
export const WARNING_CODES = [
  /** Fewer pixels than a video of 480p shows of a face. */
  'low_resolution_face',
  'blurred_face',
  /** The head leans more than faces in photos do. */
  'extreme_roll',
  /** A picture without colours. */
  'grey_picture',
  /** Something before the eyes: sunglasses. */
  'covered_eyes',
  /** Something before mouth and nose: a mask. */
  'covered_mouth',
  /** Drawn or rendered rather than photographed. */
  'drawn_face',
  /** The face is turned otherwise than `view` says. */
  'view_differs',
  /** Two views of one angle. */
  'duplicate_view',
  /** The views are of nearly one angle, or there is only one. */
  'little_spread',
  /** No view from the left, or none from the right. */
  'one_sided',
] as const;

export const FINDING_CODES = [...ERROR_CODES, ...WARNING_CODES] as const;
export type FindingCode = (typeof FINDING_CODES)[number];

export const FindingSchema = z.strictObject({
  code: z.enum(FINDING_CODES),
  /** An error ends in a rejected job. */
  severity: z.enum(['error', 'warning']),
  /** Whether it would be an error, had `reference_set.accept` not named it. */
  accepted: z.boolean(),
  /** Place in job.json: `reference_set.images[2].file`. */
  path: z.string(),
  /** The picture; null where it is about the whole set. */
  file: z.string().nullable(),
  /** What was measured, in the unit of the rule. */
  figure: z.number().nullable(),
  /** What it must be, in words. */
  rule: z.string(),
  message: z.string(),
});
export type Finding = z.output<typeof FindingSchema>;

const Degrees = z.number().nullable();

export const ReferenceCheckSchema = z.strictObject({
  /** Detector and embedder, and the file of the latter: figures of different ones cannot be compared. */
  measured_with: z.string(),
  /** In the manifest's order. What a picture without a face has no figure for is null. */
  images: z.array(
    z.strictObject({
      file: z.string(),
      faces: z.int().nonnegative(),
      /** Of the main face, in pixels of the file. */
      face_width: z.int().nonnegative().nullable(),
      /** Variance of the Laplacian of the face at 112 x 112. */
      sharpness: z.number().nonnegative().nullable(),
      /** Positive where the subject is turned to its own left. */
      yaw: Degrees,
      /** Positive where it looks up. */
      pitch: Degrees,
      roll: Degrees,
      /** Cosine to the view that is most alike; null where there is no other. */
      similarity: z.number().nullable(),
    }),
  ),
  /** Errors first. */
  findings: z.array(FindingSchema),
});
export type ReferenceCheck = z.output<typeof ReferenceCheckSchema>;
export type CheckedImage = ReferenceCheck['images'][number];

/** Degrees in words, with their side: "35° left". */
export function yawText(yaw: number): string {
  const degrees = Math.round(Math.abs(yaw));
  return degrees === 0 ? '0°' : `${degrees}° ${yaw > 0 ? 'left' : 'right'}`;
}

export type CheckVerdict = 'ok' | Finding['severity'];

/** The worst of some findings: of one picture's, or of all. */
export function verdictOf(findings: readonly Finding[]): CheckVerdict {
  if (errorsOf({ findings }).length > 0) return 'error';
  return findings.length > 0 ? 'warning' : 'ok';
}

/** What a job is rejected for. */
export function errorsOf({ findings }: { readonly findings: readonly Finding[] }): Finding[] {
  return findings.filter(({ severity }) => severity === 'error');
}
