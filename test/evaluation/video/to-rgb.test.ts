/** Every format that a decoder may give, made of one colour by the equations of BT.709, and where its rows and samples lie. */
import { VideoFrame, type VideoPixelFormat } from '@napi-rs/webcodecs';
import { toRgb } from '../../../evaluation/video/to-rgb';

const [WIDTH, HEIGHT] = [6, 4];
const AREA = WIDTH * HEIGHT;
/** (200, 40, 30) in BT.709, limited range, and the same in 10 bits. */
const [Y, CB, CR] = [79, 108, 199];
const RED = [200, 40, 30];

const repeated = (count: number, ...values: number[]) => Array.from({ length: count }, () => values).flat();
const wide = (values: number[]) => values.flatMap((value) => [(4 * value) & 255, (4 * value) >> 8]);

test.each<[VideoPixelFormat, number[]]>([
  ['I420', [...repeated(AREA, Y), ...repeated(AREA / 4, CB), ...repeated(AREA / 4, CR)]],
  ['I422', [...repeated(AREA, Y), ...repeated(AREA / 2, CB), ...repeated(AREA / 2, CR)]],
  ['I444', [...repeated(AREA, Y), ...repeated(AREA, CB), ...repeated(AREA, CR)]],
  ['NV12', [...repeated(AREA, Y), ...repeated(AREA / 4, CB, CR)]],
  ['NV21', [...repeated(AREA, Y), ...repeated(AREA / 4, CR, CB)]],
  ['I420P10', wide([...repeated(AREA, Y), ...repeated(AREA / 4, CB), ...repeated(AREA / 4, CR)])],
  ['I444P10', wide([...repeated(AREA, Y), ...repeated(AREA, CB), ...repeated(AREA, CR)])],
  ['RGBA', repeated(AREA, 200, 40, 30, 255)],
  ['BGRX', repeated(AREA, 30, 40, 200, 0)],
])('%s', async (format, bytes) => {
  const frame = new VideoFrame(Uint8Array.from(bytes), {
    format,
    codedWidth: WIDTH,
    codedHeight: HEIGHT,
    timestamp: 0,
  });
  const { data, width, height } = await toRgb(frame, { matrix: 'bt709', fullRange: false }, 0);
  frame.close();
  expect([width, height, data.length]).toEqual([WIDTH, HEIGHT, 3 * AREA]);
  for (let at = 0; at < AREA; at++) {
    for (const [channel, value] of RED.entries())
      expect(Math.abs(data[3 * at + channel]! - value)).toBeLessThanOrEqual(2);
  }
});

/** Grey, brighter with every sample in reading order. */
const RAMP = Uint8Array.from([...Array.from({ length: AREA }, (_, at) => 20 + 8 * at), ...repeated(AREA / 2, 128)]);

test.each([
  [0, WIDTH, Array.from({ length: AREA }, (_, at) => at)],
  [90, HEIGHT, Array.from({ length: AREA }, (_, at) => (HEIGHT - 1 - (at % HEIGHT)) * WIDTH + Math.floor(at / HEIGHT))],
  [180, WIDTH, Array.from({ length: AREA }, (_, at) => AREA - 1 - at)],
  [270, HEIGHT, Array.from({ length: AREA }, (_, at) => (at % HEIGHT) * WIDTH + WIDTH - 1 - Math.floor(at / HEIGHT))],
] as const)('turned by %d degrees clockwise', async (rotation, rowLength, order) => {
  const init = { format: 'I420', codedWidth: WIDTH, codedHeight: HEIGHT, timestamp: 0 } as const;
  const frame = new VideoFrame(RAMP, init);
  const { data, width } = await toRgb(frame, { matrix: 'bt709', fullRange: true }, rotation);
  frame.close();
  expect(width).toBe(rowLength);
  expect(Array.from(data).filter((_, i) => i % 3 === 0)).toEqual(order.map((from) => RAMP[from]));
});
