/** The part of report.json that says whose face is in the videos and how it is turned. */
import { z } from 'zod';

const Seconds = z.number().nonnegative();
const Share = z.number().min(0).max(1).nullable();
const Cosine = z.number().min(-1).max(1);
const Count = z.int().nonnegative();
/** One for each of the references, in their order; null for one without a face. */
const Similarities = z.array(Cosine.nullable());

const ExtremeSchema = z.strictObject({ time: Seconds, similarity: Cosine }).nullable();

export const ReportFacesSchema = z.strictObject({
  /** Detector and embedder, with the beginning of the embedder's SHA-256. Figures of different ones must not share a column. */
  measured_with: z.string(),
  /** Whether the embedder is an ArcFace model, so that its similarity may be called MvRC-Arc. */
  is_arcface: z.boolean(),
  calibration: z.strictObject({
    /** From this cosine on two faces count as one person's. */
    same: Cosine,
    /** Below this one they count as two people's. */
    different: Cosine,
    /** Mean cosine of different people; null where it is not known. */
    impostor: Cosine.nullable(),
  }),
  /** Every photo of the set, in the manifest's order, whether or not the model was fed it. */
  references: z.array(
    z.strictObject({
      file: z.string(),
      faces: Count,
      /** Degrees, of the largest face: yaw to the subject's left, pitch upwards. Null where there is none. */
      yaw: z.number().nullable(),
      pitch: z.number().nullable(),
    }),
  ),
  /** In the order of the report's outputs. */
  outputs: z.array(
    z.strictObject({
      frames: z.array(
        z.strictObject({
          time: Seconds,
          faces: Count,
          /** The largest; null where there is none. */
          face: z
            .strictObject({
              /** Degrees: yaw to the subject's left, pitch upwards, roll to the subject's right. Pitch and roll are rough. */
              yaw: z.number(),
              pitch: z.number(),
              roll: z.number(),
              /** A cosine for each of the references; null in a frame where identity is not measured. */
              similarity: Similarities.nullable(),
            })
            .nullable(),
        }),
      ),
      identity: z.strictObject({
        /** Frames in which it is measured. */
        frames: Count,
        /** Mean over frames and references: MvRC, by this embedder. Null where no face is measured. */
        mean: Cosine.nullable(),
        /** Mean over frames of the best reference's. */
        max: Cosine.nullable(),
        /** (mean - impostor) / (1 - impostor): 0 is another person, 1 the same picture. */
        normalised: z.number().nullable(),
        /** The measured frames with the highest and the lowest mean over the references. */
        best: ExtremeSchema,
        worst: ExtremeSchema,
      }),
      /** Shares are of the frames with a face, 0..1. */
      coverage: z.strictObject({
        frames: Count,
        frames_without_face: Count,
        frames_with_several_faces: Count,
        /** Degrees. */
        yaw_min: z.number().nullable(),
        yaw_max: z.number().nullable(),
        /** Of 15 degrees each, from -120 to 120. */
        yaw_bins: z.array(z.strictObject({ from: z.number(), to: z.number(), frames: Count })),
        /** Turned by more than 30, and 60, degrees to either side. */
        beyond_30_share: Share,
        beyond_60_share: Share,
        /** Turned further to a side than any reference. */
        beyond_references_share: Share,
      }),
      /** Not yet shown to agree with what people see. */
      experimental: z.strictObject({
        /** Share of the frames whose face correlates with a reference's, pixel by pixel, by 0.85 or more. */
        near_duplicate_share: Share,
        /** Mean over frames of the correlation with the closest reference. */
        correlation: Cosine.nullable(),
        /** Turns that no head makes. */
        yaw_jumps_per_second: z.number().nonnegative().nullable(),
        /** Measured neighbours with different people. */
        identity_breaks_per_second: z.number().nonnegative().nullable(),
        /** Root mean square over the smoothed yaw, degrees / s^2. */
        yaw_acceleration_rms: z.number().nonnegative().nullable(),
      }),
    }),
  ),
});
export type ReportFaces = z.output<typeof ReportFacesSchema>;
export type OutputFaces = ReportFaces['outputs'][number];
