/**
 * Makes the picture of the README: a set's references above, eight frames of its video below, and the prompt between them.
 *
 *   npx tsx docs/images/contact-sheet.ts examples/ada out/ada docs/images/contact-sheet.png
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { EncodedVideoChunk, VideoDecoder, type VideoFrame } from '@napi-rs/webcodecs';
import { ALL_FORMATS, BufferSource, EncodedPacketSink, Input } from 'mediabunny';
import sharp, { type OverlayOptions, type Sharp } from 'sharp';
import { JOB_FILE_NAME, videoFileName } from '../../contract/keys';
import { MANIFEST_FILE_NAME, parseManifest } from '../../contract/manifest';

const NUM_FRAMES = 8;
/** Pixels. */
const SIDE = 192;
const GAP = 8;
const LABEL_HEIGHT = 30;

interface Picture {
  /** Seconds from the start. */
  readonly time: number;
  readonly width: number;
  readonly height: number;
  /** RGB, interleaved. */
  readonly pixels: Uint8Array;
}

async function main(): Promise<void> {
  const [setFolder, outFolder, file] = process.argv.slice(2);
  if (!setFolder || !outFolder || !file) throw new Error('Usage: contact-sheet.ts <set folder> <out folder> <png>');
  const { reference_set } = parseManifest(readFileSync(path.join(setFolder, MANIFEST_FILE_NAME)));
  const { input } = JSON.parse(readFileSync(path.join(outFolder, JOB_FILE_NAME), 'utf8'));
  const frames = evenly(await decodeVideo(path.join(outFolder, videoFileName())), NUM_FRAMES);

  const width = NUM_FRAMES * (SIDE + GAP) + GAP;
  const framesTop = 2 * LABEL_HEIGHT + SIDE;
  const layers: OverlayOptions[] = [
    label(`${reference_set.images.length} reference views of a head that no training saw`, 0, width),
    label(input.prompt, LABEL_HEIGHT + SIDE, width),
  ];
  for (const [i, image] of reference_set.images.entries()) {
    const picture = await square(sharp(path.join(setFolder, image.file)));
    layers.push({ input: picture, left: GAP + i * (SIDE + GAP), top: LABEL_HEIGHT });
  }
  for (const [i, { time, pixels, ...size }] of frames.entries()) {
    const picture = await square(sharp(pixels, { raw: { ...size, channels: 3 } }));
    const left = GAP + i * (SIDE + GAP);
    layers.push({ input: picture, left, top: framesTop });
    layers.push({ ...label(`${time.toFixed(2)} s`, framesTop + SIDE, SIDE), left });
  }
  const height = framesTop + SIDE + LABEL_HEIGHT;
  await sharp({ create: { width, height, channels: 3, background: 'white' } })
    .composite(layers)
    .png()
    .toFile(file);
}

/** Every frame, in order of presentation. */
async function decodeVideo(file: string): Promise<Picture[]> {
  const input = new Input({ formats: ALL_FORMATS, source: new BufferSource(readFileSync(file)) });
  const track = await input.getPrimaryVideoTrack();
  if (!track) throw new Error(`${file} must have a video track, got none.`);
  const pictures: Promise<Picture>[] = [];
  const decoder = new VideoDecoder({
    output: (frame) => pictures.push(toPicture(frame)),
    error: (error) => pictures.push(Promise.reject(error)),
  });
  decoder.configure((await track.getDecoderConfig()) as Parameters<VideoDecoder['configure']>[0]);
  for await (const { type, timestamp, data } of new EncodedPacketSink(track).packets()) {
    decoder.decode(new EncodedVideoChunk({ type, timestamp: Math.round(timestamp * 1e6), data }));
  }
  await decoder.flush();
  return (await Promise.all(pictures)).sort((a, b) => a.time - b.time);
}

/** I420 in BT.709, limited range, as our videos are, to RGB. */
async function toPicture(frame: VideoFrame): Promise<Picture> {
  const planes = new Uint8Array(frame.allocationSize());
  await frame.copyTo(planes);
  const { codedWidth: width, codedHeight: height } = frame;
  const area = width * height;
  const pixels = new Uint8ClampedArray(3 * area);
  for (let at = 0; at < area; at++) {
    const chroma = area + Math.floor(at / width / 2) * (width / 2) + Math.floor((at % width) / 2);
    const luma = (planes[at]! - 16) * (255 / 219);
    const blue = (planes[chroma]! - 128) * (255 / 224);
    const red = (planes[chroma + area / 4]! - 128) * (255 / 224);
    pixels.set([luma + 1.5748 * red, luma - 0.1873 * blue - 0.4681 * red, luma + 1.8556 * blue], 3 * at);
  }
  const picture = { time: frame.timestamp / 1e6, width, height, pixels: new Uint8Array(pixels.buffer) };
  frame.close();
  return picture;
}

/** `count` of `items`, the first and the last among them. */
function evenly<Item>(items: readonly Item[], count: number): Item[] {
  return Array.from({ length: count }, (_, i) => items[Math.round((i * (items.length - 1)) / (count - 1))]!);
}

function square(picture: Sharp): Promise<Buffer> {
  return picture.resize({ width: SIDE, height: SIDE, fit: 'contain', background: 'white' }).png().toBuffer();
}

function label(text: string, top: number, width: number): OverlayOptions {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  const style = 'font-family="Helvetica, Arial, DejaVu Sans, sans-serif" font-size="15" fill="#333"';
  const svg = `<svg width="${width}" height="${LABEL_HEIGHT}"><text x="${GAP}" y="20" ${style}>${escaped}</text></svg>`;
  return { input: Buffer.from(svg), left: 0, top };
}

void main();
