/** Figures and findings of videos of a photograph that a camera moves over, and of videos in which something is wrong. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { evaluateVideo, type VideoEvaluation } from '../../../evaluation/evaluate/evaluate-video';
import { readReferencePictures } from '../../../evaluation/evaluate/reference-pictures';
import { FaceReader } from '../../../faces/face-reader';
import { picture } from '../../faces/picture';
import { planesOf, writeClip } from '../video/write-clip';
import { movingPhoto, putReferences } from './moving-photo';

let folder: string;
let reader: FaceReader;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-evaluate-video-'));
  reader = await FaceReader.open();
  await putReferences(path.join(folder, 'obama'), 'obama');
  await putReferences(path.join(folder, 'biden'), 'biden');
});
afterAll(async () => {
  await reader.release();
  rmSync(folder, { recursive: true });
});

async function evaluate(file: string, person = 'obama'): Promise<VideoEvaluation> {
  const [own, others] = [person, person === 'obama' ? 'biden' : 'obama'];
  const references = (await readReferencePictures(reader, path.join(folder, own))).faces;
  const impostors = (await readReferencePictures(reader, path.join(folder, others))).faces;
  return evaluateVideo(reader, file, { references, impostors, impostorCosine: 0.4 });
}

const codes = ({ findings }: VideoEvaluation) => findings.map(({ code }) => code);

test("a person is more like their own references than like others'; every frame is counted", async () => {
  const file = path.join(folder, 'own.mp4');
  await writeClip(file, await movingPhoto('obama', 5));
  const own = await evaluate(file, 'obama');
  const other = await evaluate(file, 'biden');
  expect(own.findings).toEqual([]);
  expect(own.info).toMatchObject({ codec: 'avc', width: 320, height: 240 });
  expect(own.figures!.coverage).toMatchObject({ frames: 5, frames_without_face: 0 });
  expect(own.figures!.identity.frames).toBe(5);
  expect(own.figures!.identity.mean).toBeGreaterThan(0.8);
  expect(other.figures!.identity.mean).toBeLessThan(0.56);
  expect(own.figures!.identity.normalised).toBeCloseTo((own.figures!.identity.mean! - 0.4) / 0.6, 2);
  expect(own.figures!.correlationExcess).toBeGreaterThan(0.1);
  expect(other.figures!.correlationExcess).toBeLessThan(-0.1);
});

test('frames without a face are counted, and no face at all is a fault', async () => {
  const blank = planesOf(picture(320, 240, [90, 120, 90]));
  const half = path.join(folder, 'half.mp4');
  await writeClip(half, [...(await movingPhoto('obama', 3)), ...Array.from({ length: 4 }, () => blank)]);
  const some = await evaluate(half);
  expect(some.figures!.coverage).toMatchObject({ frames: 7, frames_without_face: 4 });
  expect(codes(some)).toEqual([]);

  const none = path.join(folder, 'none.mp4');
  await writeClip(none, [blank, blank, blank]);
  const nobody = await evaluate(none);
  expect(nobody.figures!.identity.mean).toBeNull();
  expect(nobody.findings).toEqual([
    { code: 'no_face', severity: 'fault', message: 'The video must show a face, got none in 3 frames.' },
  ]);
});

test('a broken tail is told, and what comes before it is measured', async () => {
  const file = path.join(folder, 'whole.mp4');
  await writeClip(file, await movingPhoto('obama', 16), { bitrate: 4e6 });
  const bytes = readFileSync(file);
  const cut = path.join(folder, 'cut.mp4');
  writeFileSync(cut, bytes.subarray(0, Math.floor(0.7 * bytes.length)));
  const found = await evaluate(cut);
  expect(codes(found)).toEqual(['broken_tail']);
  expect(found.findings[0]!.message).toMatch(
    /^The video must be whole, got one where the file ends after \d+ of 16 frames\.$/,
  );
  expect(found.figures!.coverage.frames).toBeGreaterThan(2);
  expect(found.figures!.coverage.frames).toBeLessThan(16);
  expect(found.figures!.identity.mean).toBeGreaterThan(0.8);
});

test('uneven times and several faces are noted', async () => {
  const uneven = path.join(folder, 'uneven.mp4');
  await writeClip(uneven, await movingPhoto('obama', 6), { times: [0, 0.05, 0.1, 0.3, 0.35, 0.4] });
  const times = await evaluate(uneven);
  expect(codes(times)).toEqual(['variable_frame_rate']);
  expect(times.findings[0]!.message).toBe('Frames are 50 ms to 200 ms apart; all figures count seconds.');

  const pair = path.join(folder, 'pair.mp4');
  await writeClip(pair, await movingPhoto('obama', 4, 2));
  const two = await evaluate(pair);
  expect(codes(two)).toEqual(['several_faces']);
  expect(two.figures!.coverage.frames_with_several_faces).toBe(4);
});

test('what is no video has no figures', async () => {
  const text = path.join(folder, 'text.mp4');
  writeFileSync(text, 'hello');
  const found = await evaluate(text);
  expect(found).toMatchObject({ info: null, figures: null });
  expect(codes(found)).toEqual(['no_video']);
});

test('references without a face, with several, or that cannot be read, are told', async () => {
  const odd = path.join(folder, 'odd');
  await putReferences(odd, 'obama', { blank: true, twice: true, broken: true });
  const { files, faces, findings } = await readReferencePictures(reader, odd);
  expect(files).toEqual(['blank.png', 'obama.jpg', 'twice.jpg']);
  expect(faces.map(({ numFaces }) => numFaces)).toEqual([0, 1, 2]);
  expect(findings.map(({ code, severity }) => [code, severity])).toEqual([
    ['reference_without_face', 'note'],
    ['unreadable_picture', 'fault'],
    ['reference_with_several_faces', 'note'],
  ]);
  const empty = path.join(folder, 'empty');
  await putReferences(empty, null, { blank: true });
  const none = await readReferencePictures(reader, empty);
  expect(none.findings.map(({ code }) => code)).toEqual(['reference_without_face', 'no_reference_face']);
});
