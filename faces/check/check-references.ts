/**
 * Judges the photos of a set by the faces in them: is there one in each, large and sharp enough, of one person, from enough sides?
 * Asked before anything is spent: by validation, by `mv2id check`, and with the same answer.
 */
import type { AcceptableCode, CheckedImage, Finding, ReferenceCheck } from '../../contract/reference-check';
import { JobRejected } from '../../contract/rejection';
import type { FaceReader } from '../face-reader';
import { faceWidth, IMAGE_RULES } from './image-rules';
import { type ImageToCheck, type ReadImage, readImage } from './read-image';
import { nearestSimilarity, setFindings } from './set-rules';

/**
 * @param images in the order of job.json, one after the other: memory holds one at a time.
 * @param accept codes of errors that the uploader knows of.
 */
export async function checkReferences(
  images: Iterable<ImageToCheck> | AsyncIterable<ImageToCheck>,
  accept: readonly AcceptableCode[],
  reader: FaceReader,
): Promise<ReferenceCheck> {
  const read: ReadImage[] = [];
  for await (const image of images) read.push(await readImage(image, read.length, reader));
  return judgeReferences(read, accept, reader);
}

/** The verdict on pictures that have been read. */
export function judgeReferences(
  images: readonly ReadImage[],
  accept: readonly AcceptableCode[],
  { id, embedderSettings }: Pick<FaceReader, 'id' | 'embedderSettings'>,
): ReferenceCheck {
  const found = [
    ...images.flatMap((image) => IMAGE_RULES.flatMap((rule) => rule(image) ?? [])),
    ...setFindings(images, embedderSettings.thresholds, accept),
  ].map((finding) => withAcceptance(finding, accept));
  const ofSeverity = (severity: Finding['severity']) => found.filter((finding) => finding.severity === severity);
  return {
    measured_with: id,
    images: images.map((image, i) => describeImage(image, nearestSimilarity(images, i))),
    findings: [...ofSeverity('error'), ...ofSeverity('warning')],
  };
}

/** `invalid_reference_set` with every finding that is an error; null for a set that can be generated from. */
export function rejectionOf({ findings }: ReferenceCheck): JobRejected | null {
  const errors = findings.filter(({ severity }) => severity === 'error');
  const [first, ...rest] = errors.map(({ path, message }) => ({ path, message }));
  return first ? new JobRejected('invalid_reference_set', [first, ...rest]) : null;
}

function withAcceptance(finding: Finding, accept: readonly AcceptableCode[]): Finding {
  if (finding.severity !== 'error') return finding;
  if ((accept as readonly string[]).includes(finding.code)) return { ...finding, severity: 'warning', accepted: true };
  return {
    ...finding,
    message: `${finding.message} If it is right all the same, add "${finding.code}" to reference_set.accept.`,
  };
}

function describeImage(read: ReadImage, similarity: number | null): CheckedImage {
  const { image, face, faces } = read;
  return {
    file: image.file,
    faces: faces.length,
    face_width: face && faceWidth(read),
    sharpness: face && rounded(face.sharpness, 1),
    yaw: face && rounded(face.pose.yaw, 1),
    pitch: face && rounded(face.pose.pitch, 1),
    roll: face && rounded(face.pose.roll, 1),
    similarity: similarity && rounded(similarity, 3),
  };
}

/** Without a negative zero, which JSON has not. */
function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits)) + 0;
}
