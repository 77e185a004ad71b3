/**
 * Frames to an MP4 that plays everywhere: H.264, yuv420p, BT.709 limited and tagged as such, index in front (faststart).
 *
 * Frames are encoded as they arrive, so a clip is never whole in memory as pictures; the encoded stream is. The file is written
 * under a temporary name and takes its own when it is complete. Video and poster say of themselves that a model made them.
 */
import { VideoEncoder, VideoFrame } from '@napi-rs/webcodecs';
import { BufferTarget, EncodedPacket, EncodedVideoPacketSource, Mp4OutputFormat, Output } from 'mediabunny';
import sharp from 'sharp';
import type { Size } from './images';
import type { Origin } from './provenance/origin';
import { provenanceXmp } from './provenance/xmp';
import { clearCreationTime } from './video/creation-time';
import { toI420 } from './video/i420';
import { withXmp } from './video/xmp-box';
import { writeWholeFile } from './whole-file';

/** What a file says about itself besides its pictures. */
export interface Marking {
  readonly origin: Origin;
  /** Signs the file, where the deployment has a certificate. @returns the signed file. */
  readonly sign?: (file: Uint8Array, contentType: 'video/mp4' | 'image/jpeg') => Promise<Uint8Array>;
}

export interface VideoWriter {
  /** Encode the next frame: float32 [3, height, width], RGB, -1..1. It may be reused once this resolves. */
  add(frame: Float32Array): Promise<void>;
  /** Write the file. @returns its size in bytes and its length in seconds. */
  finish(): Promise<{ size: number; durationSeconds: number }>;
  /** Give up: nothing is left on disk. */
  abort(): void;
}

/** High profile: every player made since 2010 decodes it. The level follows from size and rate inside the encoder. */
const CODEC = 'avc1.640028';
/** x264's quantizer: 18 is where the eye stops seeing a difference; generated clips are short, so size does not matter. */
const QUANTIZER = 18;
/** One intra frame every two seconds, so that players seek. */
const SECONDS_PER_KEY_FRAME = 2;
const POSTER_QUALITY = 90;
const COLOR_SPACE = { primaries: 'bt709', transfer: 'bt709', matrix: 'bt709', fullRange: false } as const;
const MICROSECONDS = 1_000_000;

/**
 * @param file where the complete video goes; an existing file is replaced only then.
 * @param size even numbers of pixels.
 * @throws RangeError when a side is odd: yuv420p has one chroma sample for two pixels.
 */
export async function openVideoWriter(file: string, size: Size, fps: number, marking: Marking): Promise<VideoWriter> {
  const { width, height } = size;
  if (width % 2 !== 0 || height % 2 !== 0) {
    throw new RangeError(`The size of a video must be even, got ${width} x ${height}.`);
  }
  const target = new BufferTarget();
  const output = new Output({ format: new Mp4OutputFormat({ fastStart: 'in-memory' }), target });
  const source = new EncodedVideoPacketSource('avc');
  output.addVideoTrack(source, { frameRate: fps });
  await output.start();

  let failure: Error | undefined;
  let muxed: Promise<void> = Promise.resolve();
  const encoder = new VideoEncoder({
    output(chunk, metadata) {
      const data = new Uint8Array(chunk.byteLength);
      chunk.copyTo(data);
      const seconds = chunk.timestamp / MICROSECONDS;
      const packet = new EncodedPacket(data, chunk.type === 'key' ? 'key' : 'delta', seconds, 1 / fps);
      const config = metadata?.decoderConfig;
      // The planes are BT.709 limited; what the encoder says about them is a guess.
      const tagged = config && { decoderConfig: { ...config, colorSpace: COLOR_SPACE } };
      muxed = muxed.then(() => source.add(packet, tagged as EncodedVideoChunkMetadata | undefined));
      muxed.catch((error: Error) => {
        failure ??= error;
      });
    },
    error(error) {
      failure ??= error;
    },
  });
  encoder.configure({ codec: CODEC, width, height, framerate: fps, bitrateMode: 'quantizer', avc: { format: 'avc' } });

  let numFrames = 0;
  return {
    async add(frame) {
      const planes = toI420(frame, width, height);
      const timestamp = Math.round((numFrames * MICROSECONDS) / fps);
      const duration = Math.round(MICROSECONDS / fps);
      const picture = new VideoFrame(planes, {
        format: 'I420',
        codedWidth: width,
        codedHeight: height,
        timestamp,
        duration,
        colorSpace: COLOR_SPACE,
      });
      const keyFrame = numFrames % Math.max(1, Math.round(SECONDS_PER_KEY_FRAME * fps)) === 0;
      encoder.encode(picture, { keyFrame, avc: { quantizer: QUANTIZER } });
      picture.close();
      numFrames++;
      await muxed;
      if (failure) throw failure;
    },
    async finish() {
      await encoder.flush();
      await muxed;
      if (failure) throw failure;
      encoder.close();
      await output.finalize();
      const muxedBytes = new Uint8Array(target.buffer ?? new ArrayBuffer(0));
      clearCreationTime(muxedBytes);
      const marked = withXmp(muxedBytes, provenanceXmp(marking.origin));
      const bytes = marking.sign ? await marking.sign(marked, 'video/mp4') : marked;
      await writeWholeFile(file, bytes);
      return { size: bytes.byteLength, durationSeconds: numFrames / fps };
    },
    abort() {
      if (encoder.state !== 'closed') encoder.close();
    },
  };
}

/** A JPEG of one frame. @param frame float32 [3, height, width], RGB, -1..1. @returns its size in bytes. */
export async function writePoster(
  file: string,
  frame: Float32Array,
  { width, height }: Size,
  { origin, sign }: Marking,
): Promise<number> {
  const area = width * height;
  const pixels = new Uint8ClampedArray(3 * area);
  for (let at = 0; at < area; at++) {
    for (let channel = 0; channel < 3; channel++) {
      pixels[3 * at + channel] = (frame[channel * area + at]! + 1) * 127.5;
    }
  }
  const marked = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: POSTER_QUALITY, chromaSubsampling: '4:4:4' })
    .withXmp(provenanceXmp(origin))
    .toBuffer();
  const jpeg = sign ? await sign(marked, 'image/jpeg') : marked;
  await writeWholeFile(file, jpeg);
  return jpeg.byteLength;
}
