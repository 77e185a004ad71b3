/** What is wrong with a video or with the pictures that it is compared with, or what one must know to read its figures. */

/** In their presence a figure is missing, or says less than it seems to. */
export const FAULTS = [
  /** No file of a container that is known. */
  'no_video',
  'no_video_track',
  'unsupported_codec',
  /** The file ends, or cannot be decoded, before its stated end; what comes before is measured. */
  'broken_tail',
  /** In no frame. */
  'no_face',
  /** In none of the references. */
  'no_reference_face',
  /** The references cannot be read. */
  'unreadable_picture',
] as const;

export const NOTES = [
  /** Frames do not follow each other evenly; all figures count seconds. */
  'variable_frame_rate',
  /** In some frames; the largest is measured. */
  'several_faces',
  /** In one of the references, which is left out. */
  'reference_without_face',
  /** In one of the references; the largest is taken. */
  'reference_with_several_faces',
] as const;

export interface EvaluationFinding {
  readonly code: (typeof FAULTS)[number] | (typeof NOTES)[number];
  readonly severity: 'fault' | 'note';
  readonly message: string;
}

export function fault(code: (typeof FAULTS)[number], message: string): EvaluationFinding {
  return { code, severity: 'fault', message };
}

export function note(code: (typeof NOTES)[number], message: string): EvaluationFinding {
  return { code, severity: 'note', message };
}
