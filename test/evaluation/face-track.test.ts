/** With the real face models, on the example's drawn views. */
import path from 'node:path';
import { type ClipFrame, faceTrack, readReferenceFace } from '../../evaluation/face-track';
import { correlation } from '../../evaluation/head-region';
import { identityMetrics } from '../../evaluation/metrics/identity';
import { similarity } from '../../faces/embedder';
import { FaceReader } from '../../faces/face-reader';
import { type Pixels, readPixels, toSharp } from '../../faces/pixels';

const VIEWS = ['yaw-060', 'yaw+000', 'yaw+060'];
const EMPTY: Pixels = { data: new Uint8Array(3 * 64 * 64).fill(200), width: 64, height: 64 };

let reader: FaceReader;
let views: Pixels[];
beforeAll(async () => {
  reader = await FaceReader.open();
  views = await Promise.all(VIEWS.map((name) => readPixels(path.join('examples/ada', `${name}.png`))));
});
afterAll(() => reader.release());

async function* clip(pictures: readonly Pixels[], fps = 10): AsyncGenerator<ClipFrame> {
  for (const [i, pixels] of pictures.entries()) yield { time: i / fps, pixels };
}

test('a frame that is a reference is wholly like it, and the head turns from its right to its left', async () => {
  const references = await Promise.all(views.map((view) => readReferenceFace(reader, view)));
  const track = await faceTrack(reader, { durationSeconds: 0.3, frames: clip(views) }, { references });
  const yaws = track.map(({ face }) => face!.yaw);
  expect(yaws[0]).toBeLessThan(-25);
  expect(Math.abs(yaws[1]!)).toBeLessThan(15);
  expect(yaws[2]).toBeGreaterThan(25);
  for (const [i, { face }] of track.entries()) {
    expect(face!.similarity![i]).toBeCloseTo(1, 4);
    expect(face!.correlation[i]).toBeCloseTo(1, 4);
    expect(Math.max(...face!.correlation.filter((_, other) => other !== i).map(Number))).toBeLessThan(0.9);
  }
});

test('identity is measured in so many frames, evenly, and where a frame has no face in the next that has', async () => {
  const front = views[1]!;
  const reference = await readReferenceFace(reader, front);
  const pictures = [EMPTY, front, front, front, front, front, EMPTY, EMPTY];
  const options = { references: [reference], identityFrames: 4 };
  const track = await faceTrack(reader, { durationSeconds: 0.8, frames: clip(pictures) }, options);
  expect(track.map(({ face }) => face && face.similarity !== null)).toEqual([
    null, true, true, false, true, false, null, null,
  ]); // biome-ignore format: one row
  expect(identityMetrics(track)).toMatchObject({ numMeasured: 3, numFacelessFrames: 3 });
});

test('a clip of one frame, and one that is shorter than its frames say, is measured', async () => {
  const reference = await readReferenceFace(reader, views[1]!);
  for (const durationSeconds of [0, 0.01, 0.1]) {
    const frames = clip([views[1]!]);
    const [frame] = await faceTrack(reader, { durationSeconds, frames }, { references: [reference] });
    expect(frame!.face!.similarity![0]).toBeCloseTo(1, 4);
  }
});

test('a reference that stands on its head is measured as the upright one', async () => {
  for (const [i, yaw] of [-60, 0, 60].entries()) {
    const upright = await readReferenceFace(reader, views[i]!);
    const data = await toSharp(views[i]!).rotate(180).raw().toBuffer();
    const turned = await readReferenceFace(reader, { ...views[i]!, data });
    expect(turned.numFaces).toBe(1);
    expect(30 * Math.round(turned.face!.pose.yaw / 30) + 0).toBe(yaw);
    expect(similarity(turned.face!.embedding!, upright.face!.embedding!)).toBeGreaterThan(0.98);
    expect(correlation(turned.face!.head!, upright.face!.head!)).toBeGreaterThan(0.95);
  }
});

test('a reference without a face has no figure, and impostors are compared by pixels', async () => {
  const none = await readReferenceFace(reader, EMPTY);
  expect(none).toEqual({ numFaces: 0, face: null });
  const impostor = await readReferenceFace(reader, views[0]!);
  const frames = clip([views[1]!]);
  const options = { references: [none], impostors: [impostor, none] };
  const [frame] = await faceTrack(reader, { durationSeconds: 0.1, frames }, options);
  expect(frame!.face).toMatchObject({ similarity: [null], correlation: [null] });
  expect(frame!.face!.impostorCorrelation[0]).toBeLessThan(0.9);
  expect(frame!.face!.impostorCorrelation[1]).toBeNull();
});

test('every frame is handed on while its pixels are there', async () => {
  const seen: [number, boolean][] = [];
  await faceTrack(
    reader,
    { durationSeconds: 0.2, frames: clip([views[1]!, EMPTY]) },
    {
      references: [],
      onFrame: ({ time, face }, pixels) => void seen.push([time, face !== null && pixels === views[1]]),
    },
  );
  expect(seen).toEqual([[0, true], [0.1, false]]); // biome-ignore format: one row
});
