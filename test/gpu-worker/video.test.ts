/** What a player would see: the file is read back with mediabunny and decoded. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { EncodedVideoChunk, VideoDecoder, type VideoFrame } from '@napi-rs/webcodecs';
import { ALL_FORMATS, BufferSource, EncodedPacketSink, Input } from 'mediabunny';
import sharp from 'sharp';
import { provenanceXmp } from '../../gpu-worker/provenance/xmp';
import { openVideoWriter, writePoster } from '../../gpu-worker/video';
import { toI420 } from '../../gpu-worker/video/i420';
import { ORIGIN } from '../origin';

const SIZE = { width: 96, height: 64 };
const FPS = 8;
const NUM_FRAMES = 21;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-video-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A smooth picture that moves, in saturated colours: frame i, -1..1. */
function frame(i: number): Float32Array {
  const { width, height } = SIZE;
  const area = width * height;
  return Float32Array.from({ length: 3 * area }, (_, at) => {
    const channel = Math.floor(at / area);
    const x = (at % area) % width;
    const y = Math.floor((at % area) / width);
    return 0.9 * Math.sin((x + 2 * i) / 15 + channel) * Math.cos(y / 20 - channel);
  });
}

async function writeClip(file: string): Promise<void> {
  const writer = await openVideoWriter(file, SIZE, FPS, { origin: ORIGIN });
  for (let i = 0; i < NUM_FRAMES; i++) await writer.add(frame(i));
  expect(await writer.finish()).toEqual({ size: readFileSync(file).length, durationSeconds: NUM_FRAMES / FPS });
}

async function openClip(file: string) {
  const input = new Input({ formats: ALL_FORMATS, source: new BufferSource(readFileSync(file)) });
  const track = await input.getPrimaryVideoTrack();
  if (!track) throw new Error('The file has no video track.');
  return { input, track };
}

/** I420 bytes of every frame, in order of presentation. */
async function decodeClip(file: string): Promise<Uint8Array[]> {
  const { track } = await openClip(file);
  const frames: { timestamp: number; planes: Promise<Uint8Array> }[] = [];
  const decoder = new VideoDecoder({
    output(picture: VideoFrame) {
      const planes = new Uint8Array(picture.allocationSize());
      frames.push({ timestamp: picture.timestamp, planes: picture.copyTo(planes).then(() => planes) });
    },
    error(error) {
      throw error;
    },
  });
  const config = await track.getDecoderConfig();
  decoder.configure(config as Parameters<VideoDecoder['configure']>[0]);
  for await (const packet of new EncodedPacketSink(track).packets()) {
    const timestamp = Math.round(packet.timestamp * 1e6);
    decoder.decode(new EncodedVideoChunk({ type: packet.type, timestamp, data: packet.data }));
  }
  await decoder.flush();
  return Promise.all(frames.sort((a, b) => a.timestamp - b.timestamp).map(({ planes }) => planes));
}

function topLevelBoxes(bytes: Buffer): { type: string; at: number; body: Buffer }[] {
  const boxes: { type: string; at: number; body: Buffer }[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = bytes.readUInt32BE(at);
    boxes.push({ type: bytes.toString('latin1', at + 4, at + 8), at, body: bytes.subarray(at + 8, at + size) });
    at += size;
  }
  return boxes;
}

function psnr(actual: Uint8Array, expected: Uint8Array): number {
  const squares = expected.reduce((sum, value, at) => sum + (value - actual[at]!) ** 2, 0);
  return 10 * Math.log10(255 ** 2 / (squares / expected.length));
}

test('the clip has the frames, the timing and the size that were given', async () => {
  const file = path.join(folder, 'clip.mp4');
  await writeClip(file);
  const { input, track } = await openClip(file);
  expect(await track.getCodec()).toBe('avc');
  expect([await track.getDisplayWidth(), await track.getDisplayHeight()]).toEqual([96, 64]);
  const { packetCount, averagePacketRate } = await track.computePacketStats();
  expect(packetCount).toBe(NUM_FRAMES);
  expect(averagePacketRate).toBeCloseTo(FPS, 3);
  expect(await input.computeDuration()).toBeCloseTo(NUM_FRAMES / FPS, 3);
  expect(await track.getColorSpace()).toMatchObject({
    primaries: 'bt709',
    transfer: 'bt709',
    matrix: 'bt709',
    fullRange: false,
  });
});

test('the index stands before the data, so playback starts while loading', async () => {
  const file = path.join(folder, 'clip.mp4');
  await writeClip(file);
  const bytes = readFileSync(file);
  expect(bytes.indexOf('moov')).toBeGreaterThan(0);
  expect(bytes.indexOf('moov')).toBeLessThan(bytes.indexOf('mdat'));
});

test('the decoded pictures are those that went in', async () => {
  const file = path.join(folder, 'clip.mp4');
  await writeClip(file);
  const decoded = await decodeClip(file);
  expect(decoded).toHaveLength(NUM_FRAMES);
  decoded.forEach((planes, i) => {
    const expected = toI420(frame(i), SIZE.width, SIZE.height);
    expect(planes).toHaveLength(expected.length);
    expect(psnr(planes, expected)).toBeGreaterThan(38);
  });
});

test.each([
  ['black', [-1, -1, -1], [16, 128, 128]],
  ['white', [1, 1, 1], [235, 128, 128]],
  ['red', [1, -1, -1], [63, 102, 240]],
  ['green', [-1, 1, -1], [173, 42, 26]],
  ['blue', [-1, -1, 1], [32, 240, 118]],
  ['beyond white', [9, 9, 9], [235, 128, 128]],
])('%s has its BT.709 limited values', (_name, rgb, [luma, cb, cr]) => {
  const planes = toI420(
    Float32Array.from({ length: 12 }, (_, at) => rgb[Math.floor(at / 4)]!),
    2,
    2,
  );
  expect([...planes]).toEqual([luma, luma, luma, luma, cb, cr]);
});

test('an unfinished clip leaves nothing behind, and a failing write neither', async () => {
  const file = path.join(folder, 'gone.mp4');
  const writer = await openVideoWriter(file, SIZE, FPS, { origin: ORIGIN });
  await writer.add(frame(0));
  writer.abort();
  const blocked = path.join(folder, 'blocked.mp4');
  mkdirSync(path.join(blocked, 'x'), { recursive: true }); // a folder stands in the way of the rename
  const second = await openVideoWriter(blocked, SIZE, FPS, { origin: ORIGIN });
  await second.add(frame(0));
  await expect(second.finish()).rejects.toThrow();
  expect(existsSync(file)).toBe(false);
  expect(readdirSync(folder).filter((name) => name.includes('partial'))).toEqual([]);
});

test('an odd size is refused', async () => {
  await expect(
    openVideoWriter(path.join(folder, 'odd.mp4'), { width: 95, height: 64 }, FPS, { origin: ORIGIN }),
  ).rejects.toThrow('The size of a video must be even, got 95 x 64.');
});

test('the clip says that a model made it, behind everything that plays', async () => {
  const file = path.join(folder, 'marked.mp4');
  await writeClip(file);
  const bytes = readFileSync(file);
  const boxes = topLevelBoxes(bytes);
  expect(boxes.map(({ type }) => type)).toEqual(['ftyp', 'moov', 'mdat', 'uuid']);
  const { body } = boxes.at(-1)!;
  // XMP specification part 3, table 9.
  expect(body.subarray(0, 16).toString('hex')).toBe('be7acfcb97a942e89c71999491e3afac');
  expect(body.subarray(16).toString('utf8')).toBe(provenanceXmp(ORIGIN));
});

test('every offset of the index leads to the frame it stands for', async () => {
  const file = path.join(folder, 'offsets.mp4');
  await writeClip(file);
  const bytes = readFileSync(file);
  const { track } = await openClip(file);
  const mdat = topLevelBoxes(bytes).find(({ type }) => type === 'mdat')!;
  let total = 0;
  for await (const packet of new EncodedPacketSink(track).packets()) {
    const at = bytes.indexOf(packet.data);
    expect(at).toBeGreaterThanOrEqual(mdat.at);
    total += packet.data.length;
  }
  expect(total).toBe(mdat.body.length);
});

test('the poster says the same, as XMP', async () => {
  const file = path.join(folder, 'marked.jpg');
  await writePoster(file, frame(3), SIZE, { origin: ORIGIN });
  const { xmp, exif, iptc } = await sharp(file).metadata();
  expect(xmp?.toString('utf8')).toBe(provenanceXmp(ORIGIN));
  expect([exif, iptc]).toEqual([undefined, undefined]);
});

test('a file that is signed is written as the signer returns it', async () => {
  const sign = async (file: Uint8Array, type: string) => new Uint8Array([...file, ...Buffer.from(`signed ${type}`)]);
  const video = path.join(folder, 'signed.mp4');
  const writer = await openVideoWriter(video, SIZE, FPS, { origin: ORIGIN, sign });
  await writer.add(frame(0));
  const { size } = await writer.finish();
  expect(readFileSync(video).subarray(-16).toString()).toBe('signed video/mp4');
  expect(size).toBe(readFileSync(video).length);
  const poster = path.join(folder, 'signed.jpg');
  await writePoster(poster, frame(0), SIZE, { origin: ORIGIN, sign });
  expect(readFileSync(poster).subarray(-17).toString()).toBe('signed image/jpeg');
});

test('the poster is a JPEG of the frame', async () => {
  const file = path.join(folder, 'poster.jpg');
  const size = await writePoster(file, frame(3), SIZE, { origin: ORIGIN });
  expect(size).toBe(readFileSync(file).length);
  const { data, info } = await sharp(file).raw().toBuffer({ resolveWithObject: true });
  expect(info).toMatchObject({ width: 96, height: 64, channels: 3 });
  const area = 96 * 64;
  const expected = Uint8Array.from(data, (_, at) => (frame3[(at % 3) * area + Math.floor(at / 3)]! + 1) * 127.5);
  expect(psnr(data, expected)).toBeGreaterThan(35);
});

const frame3 = frame(3);

test('the same frames give the same bytes at any time', async () => {
  const files = ['early.mp4', 'late.mp4'].map((name) => path.join(folder, name));
  for (const [i, file] of files.entries()) {
    const clock = jest.spyOn(Date, 'now').mockReturnValue((1 + i) * 1e12);
    await writeClip(file);
    clock.mockRestore();
  }
  const [early, late] = files.map((file) => readFileSync(file));
  expect(early!.equals(late!)).toBe(true);
});
