/** What the pictures of a set must be to each other: of one person, from several sides. */
import { type AcceptableCode, type Finding, yawText } from '../../contract/reference-check';
import { type EmbedderSettings, type Embedding, similarity } from '../embedder';
import type { FaceReading } from '../face-reader';
import { aboutImage, aboutSet } from './finding';
import type { ReadImage } from './read-image';
import * as limits from './thresholds';

/** A picture with a face. */
interface FaceImage {
  readonly read: ReadImage;
  readonly face: FaceReading;
}

/** A picture of somebody else, and the cosine by which it comes closest to the set's person. */
interface Outsider {
  readonly read: ReadImage;
  readonly closest: number;
}

/**
 * @param thresholds of the embedder: from `same` on two faces are one person's, below `different` they are not.
 * @param accept codes of errors that the uploader knows of.
 */
export function setFindings(
  images: readonly ReadImage[],
  thresholds: EmbedderSettings['thresholds'],
  accept: readonly AcceptableCode[],
): Finding[] {
  const views = images.flatMap((read): FaceImage[] => (read.face ? [{ read, face: read.face }] : []));
  if (views.length === 0) return [];
  const repeated = samePictures(images);
  const strangers = outsiders(views, thresholds.different);
  // Another person's angle is no view of this one; whom the uploader knows is.
  const own = accept.includes('different_person')
    ? views
    : views.filter(({ read }) => !strangers.some((other) => other.read === read));
  return [
    ...onePerson(views, strangers, thresholds),
    ...repeated.map(({ read, first }) => {
      const rule = 'a picture of its own';
      return aboutImage('same_picture', read, { rule, got: `the same as ${first.image.file}` });
    }),
    ...angles(own),
    ...duplicateViews(own.filter(({ read }) => !repeated.some((other) => other.read === read))),
  ];
}

/** Cosine of each image to the one that is most alike; null where there is no other face. */
export function nearestSimilarity(images: readonly ReadImage[], index: number): number | null {
  const own = images[index]?.face?.embedding;
  const others = images.flatMap(({ face }, i) => (i !== index && face?.embedding ? [face.embedding] : []));
  return own && others.length > 0 ? Math.max(...others.map((other) => similarity(own, other))) : null;
}

/**
 * Views that hang together by one resemblance after another are one person's: a profile need not resemble the frontal view, if one
 * between them does. The largest such group is the set's person; of equal ones, that of the first view.
 */
function onePerson(
  views: readonly FaceImage[],
  strangers: readonly Outsider[],
  { same, different }: EmbedderSettings['thresholds'],
): Finding[] {
  if (strangers.length > 0) {
    return strangers.map(({ read, closest }) => {
      const rule = `of the same person as the other views (similarity at least ${different})`;
      return aboutImage('different_person', read, { rule, got: closest.toFixed(2), figure: rounded(closest) });
    });
  }
  return outsiders(views, same).map(({ read, closest }) => {
    const rule = `surely of the same person as the other views (similarity at least ${same}) or confirmed`;
    return aboutImage('unsure_person', read, { rule, got: closest.toFixed(2), figure: rounded(closest) });
  });
}

/** Those that no chain of resemblances connects with the main group, and how close they come to it. */
function outsiders(views: readonly FaceImage[], threshold: number): Outsider[] {
  const known = views.filter(({ face }) => face.embedding !== null);
  const groups: FaceImage[][] = [];
  for (const view of known) {
    const resembling = groups.filter((group) => group.some((other) => cosine(view, other) >= threshold));
    for (const group of resembling) groups.splice(groups.indexOf(group), 1);
    groups.push([...resembling.flat(), view]);
  }
  const firstOf = (group: FaceImage[]) => Math.min(...group.map((view) => known.indexOf(view)));
  const [main] = [...groups].sort((a, b) => b.length - a.length || firstOf(a) - firstOf(b));
  if (!main) return [];
  return known
    .filter((view) => !main.includes(view))
    .map((view) => ({ read: view.read, closest: Math.max(...main.map((other) => cosine(view, other))) }));
}

function cosine(a: FaceImage, b: FaceImage): number {
  return similarity(a.face.embedding as Embedding, b.face.embedding as Embedding);
}

function samePictures(images: readonly ReadImage[]): { read: ReadImage; first: ReadImage }[] {
  return images.flatMap((read, i) => {
    const first = images.slice(0, i).find((other) => read.sha256 === other.sha256 || isSameFace(read, other));
    return first ? [{ read, first }] : [];
  });
}

function isSameFace({ face: a }: ReadImage, { face: b }: ReadImage): boolean {
  if (!a?.embedding || !b?.embedding) return false;
  const { degrees } = limits.SAME_PICTURE;
  const isSamePose = (['yaw', 'pitch', 'roll'] as const).every(
    (axis) => Math.abs(a.pose[axis] - b.pose[axis]) < degrees,
  );
  return isSamePose && similarity(a.embedding, b.embedding) >= limits.SAME_PICTURE.similarity;
}

function angles(views: readonly FaceImage[]): Finding[] {
  const yaws = views.map(({ face }) => face.pose.yaw);
  const [least, most] = [Math.min(...yaws), Math.max(...yaws)];
  const findings: Finding[] = [];
  const frontal = yaws.reduce((a, b) => (Math.abs(b) < Math.abs(a) ? b : a));
  if (Math.abs(frontal) >= limits.FRONTAL_YAW) {
    const rule = `a set with a nearly frontal view (less than ${limits.FRONTAL_YAW}° from the camera)`;
    findings.push(aboutSet('no_frontal_view', { rule, got: yawText(frontal), figure: Math.round(frontal) }));
  }
  const spread = Math.round(most - least);
  if (spread < limits.MIN_SPREAD) {
    const rule = `views at least ${limits.MIN_SPREAD}° apart for large angles`;
    const got = views.length === 1 ? 'one view' : `${spread}° (${yawText(least)} to ${yawText(most)})`;
    findings.push(aboutSet('little_spread', { rule, got, figure: spread }));
  } else if (least > -limits.SIDE_YAW || most < limits.SIDE_YAW) {
    const side = least > -limits.SIDE_YAW ? 'right' : 'left';
    const rule = `a set with views from both sides (beyond ${limits.SIDE_YAW}°)`;
    const got = `none from the ${side} (${yawText(least)} to ${yawText(most)})`;
    findings.push(aboutSet('one_sided', { rule, got, figure: Math.round(side === 'right' ? least : most) }));
  }
  return findings;
}

function duplicateViews(views: readonly FaceImage[]): Finding[] {
  return views.flatMap((view, i) => {
    const { yaw, pitch } = view.face.pose;
    const first = views.slice(0, i).find(({ face }) => {
      const { pose } = face;
      return Math.abs(pose.yaw - yaw) < limits.DUPLICATE_YAW && Math.abs(pose.pitch - pitch) < limits.DUPLICATE_PITCH;
    });
    if (!first) return [];
    const apart = Math.round(Math.abs(first.face.pose.yaw - yaw));
    const rule = `of an angle of its own (${limits.DUPLICATE_YAW}° from other views)`;
    const got = `${apart}° from ${first.read.image.file}`;
    return [aboutImage('duplicate_view', view.read, { rule, got, figure: apart })];
  });
}

function rounded(value: number): number {
  return Number(value.toFixed(3));
}
