import { readFileSync } from 'node:fs';
import type { AcceptableCode, Finding } from '../../../contract/reference-check';
import { checkReferences, judgeReferences, rejectionOf } from '../../../faces/check/check-references';
import type { ReadImage } from '../../../faces/check/read-image';
import { builtInEmbedder } from '../../../faces/embedder-presets';
import type { FaceReading } from '../../../faces/face-reader';
import { sharedFaces } from '../../../faces/shared-faces';
import { ada, photo } from '../photos';

const READER = { id: 'test', embedderSettings: builtInEmbedder() };
const { same, different } = builtInEmbedder().thresholds;

interface View {
  yaw: number;
  pitch?: number;
  /** Direction of the face in a plane, in degrees: the cosine of two is that of the angle between them. */
  person?: number;
  sha256?: string;
}

/** A picture of a good face. */
function picture({ yaw, pitch = 0, person = 0, sha256 }: View, index: number): ReadImage {
  const angle = (person * Math.PI) / 180;
  const face: FaceReading = {
    box: { x: 0, y: 0, width: 200, height: 200 },
    score: 0.9,
    landmarks: {},
    pose: { yaw, pitch, roll: 0 },
    sharpness: 400,
    embedding: Float32Array.of(Math.cos(angle), Math.sin(angle)),
  };
  return {
    ...GOOD,
    image: { file: `${'abcdefgh'[index]}.png` },
    field: `reference_set.images[${index}]`,
    sha256: sha256 ?? `${index}`,
    face,
    faces: [face],
  };
}

const GOOD = { scale: 1, chroma: 30 } as unknown as Omit<ReadImage, 'image' | 'field' | 'sha256' | 'face' | 'faces'>;

/** Angle between two faces that are surely one person's; that are perhaps; and that are not. */
const [SURE, PERHAPS, OTHER] = [same + 0.1, (same + different) / 2, different - 0.1].map(
  (cosine) => (Math.acos(cosine) * 180) / Math.PI,
) as [number, number, number];

function findings(views: readonly View[], accept: readonly AcceptableCode[] = []): readonly Finding[] {
  return judgeReferences(views.map(picture), accept, READER).findings;
}

const errors = (found: readonly Finding[]) => found.filter(({ severity }) => severity === 'error');
const told = (found: readonly Finding[]) => found.map(({ code, file, figure }) => [code, file, figure]);

test('a good set has no finding', () => {
  expect(findings([{ yaw: -60 }, { yaw: 0, person: SURE }, { yaw: 60 }])).toEqual([]);
});

describe('one person', () => {
  test('the picture that resembles no other is told, with how close it comes', () => {
    const found = findings([{ yaw: -50 }, { yaw: 0 }, { yaw: 50, person: OTHER }]);
    expect(told(errors(found))).toEqual([['different_person', 'c.png', Number((different - 0.1).toFixed(3))]]);
    expect(found[0]!.message).toBe(
      `reference_set.images[2].file must be of the same person as the other views (similarity at least ${different}), ` +
        `got c.png (${(different - 0.1).toFixed(2)}). If it is right all the same, add "different_person" to reference_set.accept.`,
    );
  });

  test('two and two are two people, though each resembles another picture', () => {
    const views = [0, 1, 2, 3].map((i) => ({ yaw: 40 * i - 60, person: i < 2 ? 0 : 90 }));
    expect(errors(findings(views)).map(({ file }) => file)).toEqual(['c.png', 'd.png']);
  });

  test('of the larger group, whoever comes first', () => {
    const views = [0, 1, 2, 3].map((i) => ({ yaw: 40 * i - 60, person: i === 0 ? 90 : 0 }));
    expect(told(errors(findings(views))).map(([code, file]) => [code, file])).toEqual([['different_person', 'a.png']]);
  });

  test('a profile need not resemble the other one, if the views between lead there', () => {
    const views = [0, 1, 2, 3].map((i) => ({ yaw: 40 * i - 60, person: i * SURE }));
    expect(findings(views)).toEqual([]);
  });

  test('between the thresholds it is for the uploader to say', () => {
    const views = [{ yaw: -50 }, { yaw: 0 }, { yaw: 50, person: PERHAPS }];
    expect(told(findings(views)).map(([code, file]) => [code, file])).toEqual([['unsure_person', 'c.png']]);
    const [accepted, ...others] = findings(views, ['unsure_person']);
    expect(accepted).toMatchObject({ code: 'unsure_person', severity: 'warning', accepted: true });
    expect(accepted!.message).not.toContain('accept');
    expect(others).toEqual([]);
  });

  test('whoever accepts that has not accepted another person', () => {
    const [found] = findings([{ yaw: -50 }, { yaw: 0 }, { yaw: 50, person: OTHER }], ['unsure_person']);
    expect(found).toMatchObject({ code: 'different_person', severity: 'error', accepted: false });
  });
});

test("a picture that was accepted as this person's is a view of it", () => {
  const views = [{ yaw: 60 }, { yaw: -60 }, { yaw: 0, person: OTHER }];
  const codes = (accept: AcceptableCode[]) => findings(views, accept).map(({ code }) => code);
  expect(codes([])).toEqual(['different_person', 'no_frontal_view']);
  expect(codes(['different_person'])).toEqual(['different_person']);
});

describe('angles', () => {
  test('a set of profiles lacks a frontal view, and the side that it does not show', () => {
    const found = findings([{ yaw: 50 }, { yaw: 100 }]);
    expect(told(found)).toEqual([
      ['no_frontal_view', null, 50],
      ['one_sided', null, 50],
    ]);
    expect(found[0]!.message).toBe(
      'reference_set.images must be a set with a nearly frontal view (less than 30° from the camera), got 50° left. ' +
        'If it is right all the same, add "no_frontal_view" to reference_set.accept.',
    );
    expect(found[1]!.message).toContain('got none from the right (50° left to 100° left).');
  });

  test('one view is a warning', () => {
    expect(findings([{ yaw: 5 }]).map(({ severity, message }) => [severity, message])).toEqual([
      ['warning', 'reference_set.images must be views at least 45° apart for large angles, got one view.'],
    ]);
  });

  test('views of nearly one angle are told as a set and as duplicates; looking up is a view of its own', () => {
    expect(told(findings([{ yaw: 0 }, { yaw: 7 }, { yaw: 3, pitch: 25 }]))).toEqual([
      ['little_spread', null, 7],
      ['duplicate_view', 'b.png', 7],
    ]);
  });
});

test('the angle of another person is no view', () => {
  const found = findings([
    { yaw: -50 },
    { yaw: 0 },
    { yaw: 2, person: OTHER },
    { yaw: 80, person: OTHER },
    { yaw: 30 },
  ]);
  expect(found.map(({ code, file }) => [code, file])).toEqual([
    ['different_person', 'c.png'],
    ['different_person', 'd.png'],
  ]);
});

test('a picture that comes again is told once, and not as a duplicate view as well', () => {
  const views = Array.from({ length: 8 }, () => ({ yaw: 0, sha256: 'same' }));
  const found = findings(views);
  expect(found.filter(({ code }) => code === 'same_picture').map(({ file }) => file)).toEqual(
    [...'bcdefgh'].map((letter) => `${letter}.png`),
  );
  expect(found.some(({ code }) => code === 'duplicate_view')).toBe(false);
  expect(found[0]!.message).toContain('must be a picture of its own, got b.png (the same as a.png)');
});

test('errors come first, and all of them reject the set', () => {
  const check = judgeReferences([{ yaw: 50 }, { yaw: 52, person: OTHER }].map(picture), [], READER);
  expect(check.findings.map(({ severity }) => severity)).toEqual(['error', 'error', 'warning']);
  const rejection = rejectionOf(check)!;
  expect(rejection.code).toBe('invalid_reference_set');
  expect(rejection.details.map(({ path }) => path)).toEqual(['reference_set.images[1].file', 'reference_set.images']);
  expect(rejectionOf(judgeReferences([{ yaw: 5 }].map(picture), [], READER))).toBeNull();
});

describe('on pictures', () => {
  const check = async (files: readonly string[]) => {
    const images = files.map((file) => ({ image: { file: file.split('/').at(-1)! }, bytes: readFileSync(file) }));
    return checkReferences(images, [], await sharedFaces());
  };

  test('the example set is good, and its angles are known', async () => {
    const { images, findings, measured_with } = await check([ada(-60), ada(0), ada(60)]);
    expect(findings.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(measured_with).toMatch(/^blazeface \+ faceres \([0-9a-f]{12}\)$/);
    for (const [i, yaw] of [-60, 0, 60].entries()) {
      expect(Math.abs(images[i]!.yaw! - yaw)).toBeLessThan(10);
      expect(images[i]!.similarity).toBeGreaterThan(same);
    }
  });

  test('a set of two people names the one that does not belong', async () => {
    const { findings } = await check([ada(0), ada(60), photo('obama')]);
    expect(findings.filter(({ severity }) => severity === 'error').map(({ code, file }) => [code, file])).toEqual([
      ['different_person', 'obama.jpg'],
    ]);
  });
});
