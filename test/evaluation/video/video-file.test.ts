/** Videos of every kind that may be evaluated, encoded here and read back: their times, their colours, and how they break. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ClipFrame } from '../../../evaluation/face-track';
import { VideoError, VideoFile } from '../../../evaluation/video/video-file';
import { type Colour, picture } from '../../faces/picture';
import { type ClipSettings, type Planes, planesOf, writeClip } from './write-clip';

const [WIDTH, HEIGHT] = [96, 64];
const FIXTURES = path.join(__dirname, '../../fixtures/video');
const RED = [200, 40, 30] as const;
const GREEN = [40, 180, 60] as const;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-video-file-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const BT601 = { matrix: 'smpte170m', primaries: 'smpte170m', transfer: 'smpte170m', fullRange: false } as const;

/** Green, with a red rectangle in the upper left corner that grows by two pixels a frame. */
function frames(count: number): Planes[] {
  return Array.from({ length: count }, (_, i) => {
    return planesOf(picture(WIDTH, HEIGHT, GREEN, { x: 0, y: 0, width: 32 + 2 * i, height: 24, colour: RED }));
  });
}

async function clip(name: string, settings: ClipSettings, planes = frames(12)): Promise<string> {
  const file = path.join(folder, name);
  await writeClip(file, planes, settings);
  return file;
}

async function read(file: string): Promise<{ video: VideoFile; frames: ClipFrame[] }> {
  const video = await VideoFile.open(file);
  const found: ClipFrame[] = [];
  for await (const frame of video.frames()) found.push(frame);
  video.close();
  return { video, frames: found };
}

function colourAt({ pixels }: ClipFrame, x: number, y: number): number[] {
  return Array.from(pixels.data.subarray(3 * (y * pixels.width + x), 3 * (y * pixels.width + x) + 3));
}

/** Encoders lose a little. */
function about(colour: Colour, tolerance = 12) {
  return colour.map((value) => expect.toBeAbout(value, tolerance));
}

expect.extend({
  toBeAbout(received: number, expected: number, tolerance: number) {
    return {
      pass: Math.abs(received - expected) <= tolerance,
      message: () => `expected ${received} to be ${expected} +- ${tolerance}`,
    };
  },
});
declare global {
  namespace jest {
    interface Expect {
      toBeAbout(expected: number, tolerance: number): unknown;
    }
  }
}

test.each([
  ['H.264 in MP4', 'a.mp4', { codec: 'avc', container: 'mp4' }],
  ['H.264 in MOV', 'a.mov', { codec: 'avc', container: 'mov' }],
  ['H.264 in Matroska', 'a.mkv', { codec: 'avc', container: 'mkv' }],
  ['HEVC in MP4', 'h.mp4', { codec: 'hevc', container: 'mp4' }],
  ['VP8 in WebM', 'v8.webm', { codec: 'vp8', container: 'webm' }],
  ['VP9 in WebM', 'v9.webm', { codec: 'vp9', container: 'webm' }],
  ['VP9 in MP4', 'v9.mp4', { codec: 'vp9', container: 'mp4' }],
  ['AV1 in MP4', 'av1.mp4', { codec: 'av1', container: 'mp4' }],
] as const)('%s: all frames, in order, in their colours', async (_, name, settings) => {
  const { video, frames } = await read(await clip(name, { ...settings, colorSpace: BT601 }));
  expect(video.info).toMatchObject({ codec: settings.codec, width: WIDTH, height: HEIGHT });
  expect(video.info.durationSeconds).toBeCloseTo(12 / 16, 2);
  expect(frames.map(({ time }) => time)).toEqual(Array.from({ length: 12 }, (_, i) => expect.closeTo(i / 16, 2)));
  for (const [i, frame] of frames.entries()) {
    expect(colourAt(frame, 20, 10)).toEqual(about(RED));
    expect(colourAt(frame, 32 + 2 * i + 8, 10)).toEqual(about(GREEN));
  }
  expect(video.brokenTail).toBeNull();
});

test('frames at uneven times keep them', async () => {
  const times = [0, 0.04, 0.08, 0.2, 0.21, 0.5, 0.6, 1.4];
  const { frames: found } = await read(await clip('uneven.mp4', { times }, frames(8)));
  expect(found.map(({ time }) => time)).toEqual(times.map((time) => expect.closeTo(time, 3)));
});

const seconds = (count: number) => Array.from({ length: count }, (_, i) => expect.closeTo(i / 25, 3));
const counting = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);

test.each([
  ['H.264', 'h264.mp4', 0, 24],
  ['HEVC', 'hevc.mp4', 0, 24],
  ['H.264 whose first 5 pictures lie before its start', 'h264-from-minus-5.mp4', 5, 19],
  ['HEVC cut where pictures refer to what was cut off', 'hevc-from-8.mp4', 8, 16],
] as const)('%s with B-frames: every picture at its own time', async (_, name, first, count) => {
  const { video, frames } = await read(path.join(FIXTURES, name));
  expect(frames.map((frame) => Math.round((colourAt(frame, 32, 32)[1]! - 20) / 8))).toEqual(counting(first, count));
  expect(frames.map(({ time }) => time)).toEqual(seconds(count));
  expect(video.brokenTail).toBeNull();
});

test.each([
  [90, [HEIGHT, WIDTH], [HEIGHT - 10, 20]],
  [180, [WIDTH, HEIGHT], [WIDTH - 20, HEIGHT - 10]],
  [270, [HEIGHT, WIDTH], [10, WIDTH - 20]],
] as const)('a video turned by %d degrees is given upright', async (rotation, size, [x, y]) => {
  const { video, frames } = await read(await clip(`turned-${rotation}.mp4`, { rotation }));
  const { pixels } = frames[0]!;
  expect([pixels.width, pixels.height]).toEqual(size);
  expect([video.info.width, video.info.height]).toEqual(size);
  // What lay at (20, 10).
  expect(colourAt(frames[0]!, x, y)).toEqual(about(RED));
  expect(colourAt(frames[0]!, pixels.width - x, pixels.height - y)).toEqual(about(GREEN));
});

/** One grey-green colour whose bytes each matrix and range reads differently. By hand from the recommendations' equations. */
const SAMPLE = { y: 100, cb: 90, cr: 160 };
const MATRICES: [string, ClipSettings['colorSpace'], Colour][] = [
  ['BT.601, limited', BT601, [149, 87, 21]],
  ['BT.709, limited', { matrix: 'bt709', primaries: 'bt709', transfer: 'bt709', fullRange: false }, [155, 89, 17]],
  ['BT.709, full', { matrix: 'bt709', primaries: 'bt709', transfer: 'bt709', fullRange: true }, [150, 92, 29]],
  ['nothing, which in so small a picture is BT.601, limited', undefined, [149, 87, 21]],
];

test.each(MATRICES)('a file that states %s is converted by it', async (name, colorSpace, colour) => {
  const area = WIDTH * HEIGHT;
  const data = new Uint8Array(1.5 * area)
    .fill(SAMPLE.y, 0, area)
    .fill(SAMPLE.cb, area, 1.25 * area)
    .fill(SAMPLE.cr, 1.25 * area);
  const planes: Planes = { data, format: 'I420', width: WIDTH, height: HEIGHT };
  const { frames } = await read(await clip(`${name}.mp4`, { colorSpace }, [planes, planes]));
  expect(colourAt(frames[0]!, 40, 30)).toEqual(about(colour, 3));
});

test('a sound track without sound does no harm', async () => {
  const { video, frames } = await read(await clip('silent.mp4', { emptyAudio: true }));
  expect([frames.length, video.brokenTail]).toEqual([12, null]);
});

const NOISY_FRAMES = 30;

/** Of noise, so that the data are most of the file. */
async function largeClip(name: string, settings: ClipSettings = {}): Promise<string> {
  const noisy = frames(NOISY_FRAMES).map((planes, i) => ({
    ...planes,
    data: planes.data.map((value, at) => (at < WIDTH * HEIGHT ? value + (((at + i) * 2654435761) >>> 28) : value)),
  }));
  return clip(name, { bitrate: 8e6, ...settings }, noisy);
}

test.each(['mp4', 'mkv'] as const)(
  'a cut-off %s gives the frames that are whole, and says where it ends',
  async (container) => {
    const bytes = readFileSync(await largeClip(`whole.${container}`, { container }));
    const file = path.join(folder, `cut.${container}`);
    writeFileSync(file, bytes.subarray(0, Math.floor(0.6 * bytes.length)));
    const { video, frames } = await read(file);
    expect(frames.length).toBeGreaterThan(4);
    expect(frames.length).toBeLessThan(NOISY_FRAMES);
    expect(frames.map(({ time }) => time)).toEqual(frames.map((_, i) => expect.closeTo(i / 16, 2)));
    expect(video.brokenTail).toMatch(
      container === 'mp4' ? /^the file ends after \d+ of 30 frames$/ : /^the file states 1\.8[78] s and ends at /,
    );
  },
);

test('data that cannot be decoded end the frames', async () => {
  const bytes = readFileSync(await largeClip('good.mp4'));
  bytes.fill(0, Math.floor(0.6 * bytes.length));
  const file = path.join(folder, 'zeros.mp4');
  writeFileSync(file, bytes);
  const { video, frames } = await read(file);
  expect(frames.length).toBeGreaterThan(4);
  expect(video.brokenTail).toMatch(/^packet \d+ of 30 cannot be decoded \(.+\)$/);
});

test('pictures that the decoder cannot hand over end the frames', async () => {
  const { video, frames } = await read(path.join(FIXTURES, 'hevc-gray12.mp4'));
  expect(frames).toEqual([]);
  expect(video.brokenTail).toMatch(/^the frame at 0\.00 s cannot be read \(.+\)$/);
});

test.each(['stco', 'stsc'])('a file whose %s box is damaged shows nothing', async (box) => {
  const bytes = readFileSync(await clip(`${box}.mp4`, {}));
  bytes.fill(255, bytes.indexOf(box) + 4, bytes.indexOf(box) + 16);
  const file = path.join(folder, `damaged-${box}.mp4`);
  writeFileSync(file, bytes);
  await expect(VideoFile.open(file)).rejects.toMatchObject({ name: 'VideoError', fault: 'no_video' });
});

test.each([
  ['text', 'hello', 'no_video', /text must be an MP4, MOV, WebM or Matroska video, got another file\.$/],
  ['nothing', '', 'no_video', /must be an MP4/],
  ['png', readFileSync(path.join(__dirname, '../../../examples/ada/yaw+000.png')), 'no_video', /must be an MP4/],
])('%s is told to be no video', async (name, content, fault, message) => {
  const file = path.join(folder, name);
  writeFileSync(file, content);
  const error = await VideoFile.open(file).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(VideoError);
  expect(error).toMatchObject({ fault, message: expect.stringMatching(message) });
});

test('a file that is not there stays an error of the file system', async () => {
  await expect(VideoFile.open(path.join(folder, 'none.mp4'))).rejects.toMatchObject({ code: 'ENOENT' });
});
