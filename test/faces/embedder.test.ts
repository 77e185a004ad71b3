import { Blazeface } from '../../faces/blazeface';
import { type Embedding, FaceEmbedder, similarity } from '../../faces/embedder';
import { builtInEmbedder } from '../../faces/embedder-presets';
import { readPixels, toSharp } from '../../faces/pixels';
import { ada, photo } from './photos';

let detector: Blazeface;
let embedder: FaceEmbedder;
beforeAll(async () => {
  detector = await Blazeface.open();
  embedder = await FaceEmbedder.open(builtInEmbedder());
});
afterAll(async () => {
  await detector.release();
  await embedder.release();
});

async function embed(file: string | Buffer): Promise<Embedding> {
  const picture = await readPixels(file);
  const [face] = await detector.detect(picture);
  return (await embedder.embed(picture, face!.landmarks))!;
}

test('one person resembles itself more than others, turned or changed', async () => {
  const { same, different } = builtInEmbedder().thresholds;
  const obama = await embed(photo('obama'));
  const darker = await toSharp(await readPixels(photo('obama')))
    .rotate(20)
    .linear(0.7, 5)
    .resize(400)
    .jpeg({ quality: 60 })
    .toBuffer();
  expect(similarity(obama, await embed(darker))).toBeGreaterThan(same);
  for (const other of [photo('biden'), photo('astronaut'), ada(0)]) {
    expect(similarity(obama, await embed(other))).toBeLessThan(different);
  }
  expect(similarity(await embed(ada(0)), await embed(ada(60)))).toBeGreaterThan(same);
});

test('a direction has length one', async () => {
  expect(Math.hypot(...(await embed(ada(-60))))).toBeCloseTo(1, 5);
});

test('a mirrored face is the same face', async () => {
  const picture = await readPixels(photo('obama'));
  const mirrored = await toSharp(picture).flop().png().toBuffer();
  expect(similarity(await embed(photo('obama')), await embed(mirrored))).toBeGreaterThan(0.97);
});

test('the name tells the file', () => {
  expect(embedder.id).toMatch(/^faceres \([0-9a-f]{12}\)$/);
});

test('another file than the settings say is refused', async () => {
  const settings = { ...builtInEmbedder(), sha256: 'a'.repeat(64) };
  await expect(FaceEmbedder.open(settings)).rejects.toThrow(
    /^sha256 must be that of .*faceres\.onnx \([0-9a-f]{64}\), got a{64}\.$/,
  );
  await expect(FaceEmbedder.open({ ...settings, sha256: undefined, path: '/nowhere.onnx' })).rejects.toThrow(
    'path must be a readable .onnx file, got /nowhere.onnx (ENOENT).',
  );
  await expect(FaceEmbedder.open({ ...settings, sha256: undefined, path: __filename })).rejects.toThrow(
    /^path must be an ONNX model, got /,
  );
});
