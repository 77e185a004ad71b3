/** Videos as they come from elsewhere: any codec and container, times, rotation, tags, sound. */
import { writeFileSync } from 'node:fs';
import { VideoEncoder, VideoFrame, type VideoPixelFormat } from '@napi-rs/webcodecs';
import {
  BufferTarget,
  EncodedAudioPacketSource,
  EncodedPacket,
  EncodedVideoPacketSource,
  MkvOutputFormat,
  MovOutputFormat,
  Mp4OutputFormat,
  Output,
  WebMOutputFormat,
} from 'mediabunny';
import type { Pixels } from '../../../faces/pixels';

export interface ClipSettings {
  readonly codec?: keyof typeof CODECS;
  readonly container?: keyof typeof CONTAINERS;
  /** Frames a second, or the time of each frame. */
  readonly times?: number | readonly number[];
  /** Degrees, clockwise, by which a player turns it. */
  readonly rotation?: 0 | 90 | 180 | 270;
  readonly colorSpace?: { matrix: string; primaries: string; transfer: string; fullRange: boolean };
  /** With a sound track that holds no sound. */
  readonly emptyAudio?: boolean;
  readonly bitrate?: number;
}

/** Planes of a frame as the encoder takes them. */
export interface Planes {
  readonly data: Uint8Array;
  readonly format: VideoPixelFormat;
  readonly width: number;
  readonly height: number;
}

const CODECS = {
  avc: 'avc1.640028',
  hevc: 'hvc1.1.6.L93.B0',
  vp8: 'vp8',
  vp9: 'vp09.00.10.08',
  av1: 'av01.0.04M.08',
} as const;
const CONTAINERS = {
  mp4: () => new Mp4OutputFormat({ fastStart: 'in-memory' }),
  mov: () => new MovOutputFormat({ fastStart: 'in-memory' }),
  webm: () => new WebMOutputFormat(),
  mkv: () => new MkvOutputFormat(),
} as const;
const MICROSECONDS = 1_000_000;

export async function writeClip(file: string, frames: readonly Planes[], settings: ClipSettings = {}): Promise<void> {
  const {
    codec = 'avc',
    container = 'mp4',
    times = 16,
    rotation = 0,
    colorSpace,
    emptyAudio,
    bitrate = 2e6,
  } = settings;
  const target = new BufferTarget();
  const output = new Output({ format: CONTAINERS[container](), target });
  const source = new EncodedVideoPacketSource(codec);
  output.addVideoTrack(source, { rotation });
  if (emptyAudio) output.addAudioTrack(new EncodedAudioPacketSource('aac'));
  await output.start();

  const at = (i: number) => (typeof times === 'number' ? i / times : times[i]!);
  const lasts = (i: number) => (i + 1 < frames.length ? at(i + 1) - at(i) : at(i) - at(i - 1));
  let failure: Error | undefined;
  let muxed: Promise<void> = Promise.resolve();
  let index = 0;
  const encoder = new VideoEncoder({
    output(chunk, metadata) {
      const data = new Uint8Array(chunk.byteLength);
      chunk.copyTo(data);
      const packet = new EncodedPacket(
        data,
        chunk.type === 'key' ? 'key' : 'delta',
        chunk.timestamp / MICROSECONDS,
        lasts(index++),
      );
      const config = metadata?.decoderConfig;
      const tagged = config && { decoderConfig: { ...config, colorSpace } };
      muxed = muxed.then(() => source.add(packet, tagged as EncodedVideoChunkMetadata | undefined));
      muxed.catch((error: Error) => {
        failure ??= error;
      });
    },
    error(error) {
      failure ??= error;
    },
  });
  const { width, height } = frames[0]!;
  encoder.configure({ codec: CODECS[codec], width, height, bitrate, avc: { format: 'avc' }, hevc: { format: 'hevc' } });
  for (const [i, { data, format }] of frames.entries()) {
    const timestamp = Math.round(at(i) * MICROSECONDS);
    const duration = Math.round(lasts(i) * MICROSECONDS);
    const frame = new VideoFrame(data, { format, codedWidth: width, codedHeight: height, timestamp, duration });
    encoder.encode(frame, { keyFrame: i % 8 === 0 });
    frame.close();
    while (encoder.encodeQueueSize > 4 && !failure) await new Promise((resolve) => setImmediate(resolve));
  }
  await encoder.flush();
  await muxed;
  if (failure) throw failure;
  encoder.close();
  await output.finalize();
  writeFileSync(file, new Uint8Array(target.buffer!));
}

/** BT.601, limited range, for whoever does not care. */
export function planesOf({ data, width, height }: Pixels): Planes {
  const area = width * height;
  const planes = new Uint8ClampedArray(1.5 * area);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const at = row * width + column;
      const [red, green, blue] = [data[3 * at]!, data[3 * at + 1]!, data[3 * at + 2]!];
      planes[at] = 16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255;
      if (row % 2 || column % 2) continue;
      const chroma = area + (row / 2) * (width / 2) + column / 2;
      planes[chroma] = 128 + (-37.797 * red - 74.203 * green + 112 * blue) / 255;
      planes[chroma + area / 4] = 128 + (112 * red - 93.786 * green - 18.214 * blue) / 255;
    }
  }
  return { data: new Uint8Array(planes.buffer), format: 'I420', width, height };
}
