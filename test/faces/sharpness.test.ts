import { Blazeface } from '../../faces/blazeface';
import { FaceReader } from '../../faces/face-reader';
import { readPixels, toSharp } from '../../faces/pixels';
import { sharpness } from '../../faces/sharpness';
import { photo } from './photos';

test('one colour has none, a checkerboard as much as there is', () => {
  const plain = { data: new Uint8Array(3 * 20 * 20).fill(90), width: 20, height: 20 };
  expect(sharpness(plain)).toBe(0);
  const board = new Uint8Array(3 * 20 * 20).map((_, at) => {
    const pixel = Math.floor(at / 3);
    return ((pixel % 20) + Math.floor(pixel / 20)) % 2 === 0 ? 0 : 255;
  });
  // Every Laplacian is 4 x 255, of either sign.
  expect(sharpness({ data: board, width: 20, height: 20 })).toBeCloseTo((4 * 255) ** 2, -2);
});

test('a blurred photo of a face has less than a sharp one', async () => {
  const reader = await FaceReader.open();
  const sharpPhoto = await readPixels(photo('obama'));
  const { width, height } = sharpPhoto;
  const blurred = { width, height, data: await toSharp(sharpPhoto).blur(6).raw().toBuffer() };
  const [[clear], [soft]] = [await reader.read(sharpPhoto), await reader.read(blurred)];
  expect(clear!.sharpness).toBeGreaterThan(200);
  expect(soft!.sharpness).toBeLessThan(50);
  await reader.release();
});

test('a reader can be asked for places alone', async () => {
  const detector = await Blazeface.open();
  const reader = await FaceReader.open();
  const picture = await readPixels(photo('biden'));
  const [face] = await reader.read(picture, { embeddings: 0 });
  expect(face!.embedding).toBeNull();
  expect(face!.box).toEqual((await detector.detect(picture))[0]!.box);
  await Promise.all([reader.release(), detector.release()]);
});
