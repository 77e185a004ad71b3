/**
 * A video from any file that the decoder reads: H.264, HEVC, VP8, VP9 or AV1 in MP4, MOV, WebM or Matroska, of any size and frame
 * rate. Frames come one at a time, each with its own time, upright; sound is left alone.
 */
import { EncodedVideoChunk, VideoDecoder, type VideoDecoderConfig, type VideoFrame } from '@napi-rs/webcodecs';
import { ALL_FORMATS, EncodedPacketSink, FilePathSource, Input, type InputVideoTrack } from 'mediabunny';
import { type Pixels, toSharp } from '../../faces/pixels';
import type { ClipFrame } from '../face-track';
import { type Rotation, type StatedColour, toRgb } from './to-rgb';

export type VideoFault = 'no_video' | 'no_video_track' | 'unsupported_codec';

/** The file shows no picture at all; `message` says why. */
export class VideoError extends Error {
  override readonly name = 'VideoError';
  constructor(
    readonly fault: VideoFault,
    message: string,
  ) {
    super(message);
  }
}

export interface VideoInfo {
  readonly codec: string;
  /** Pixels, upright. */
  readonly width: number;
  readonly height: number;
  /** That the file states, from the first frame on. */
  readonly durationSeconds: number;
}

/** A decoded picture at the time that it is shown. Microseconds, as the container has them. */
interface Shown {
  readonly frame: VideoFrame;
  readonly timestamp: number;
  readonly duration: number;
}

/** What the container says of its video track. */
interface Stated {
  readonly rotation: Rotation;
  /** Width of a pixel over its height, before the rotation. */
  readonly aspect: number;
  readonly colour: StatedColour;
  readonly numPackets: number;
  /** Seconds, of the first frame that is shown. */
  readonly start: number;
}

/** The decoder is given so many packets ahead of what it has decoded; its frames wait until they are asked for. */
const PACKETS_AHEAD = 2;
/** Matroska states the length of the whole file, sound included. */
const DURATION_TOLERANCE_SECONDS = 0.5;
const MICROSECONDS = 1_000_000;

export class VideoFile {
  /** How the file ends before its stated end, as far as `frames` has read; null where it does not. */
  brokenTail: string | null = null;

  private constructor(
    readonly info: VideoInfo,
    private readonly input: Input,
    private readonly track: InputVideoTrack,
    private readonly config: VideoDecoderConfig,
    private readonly stated: Stated,
  ) {}

  /** @throws VideoError when there is nothing to be seen in the file; Error of the file system when it cannot be read. */
  static async open(file: string): Promise<VideoFile> {
    const input = new Input({ formats: ALL_FORMATS, source: new FilePathSource(file) });
    try {
      const track = await primaryTrack(input, file);
      const config = await track.getDecoderConfig();
      const codec = (await track.getCodec()) ?? 'an unknown codec';
      const isDecodable = config && (await VideoDecoder.isConfigSupported(config as VideoDecoderConfig)).supported;
      if (!isDecodable) {
        throw new VideoError('unsupported_codec', `${file} must be H.264, HEVC, VP8, VP9 or AV1, got ${codec}.`);
      }
      const { num, den } = await track.getPixelAspectRatio();
      const stated = {
        rotation: await track.getRotation(),
        aspect: num / den,
        colour: await track.getColorSpace(),
        numPackets: (await track.computePacketStats()).packetCount,
        // An edit list may cut off what comes before 0.
        start: Math.max(0, await track.getFirstTimestamp()),
      };
      const end = (await track.getDurationFromMetadata()) ?? (await track.computeDuration());
      const info = {
        codec,
        width: await track.getDisplayWidth(),
        height: await track.getDisplayHeight(),
        durationSeconds: Math.max(0, end - stated.start),
      };
      return new VideoFile(info, input, track, config as VideoDecoderConfig, stated);
    } catch (error) {
      input.dispose();
      if (error instanceof VideoError || isOfFileSystem(error)) throw error;
      throw new VideoError('no_video', `${file} must be a whole video, got a damaged one.`);
    }
  }

  /** In the order of their times, which are seconds from the beginning. What comes before a fault in the file is given. */
  async *frames(): AsyncGenerator<ClipFrame> {
    const { colour, rotation, aspect, start } = this.stated;
    let last = 0;
    for await (const { frame, timestamp, duration } of this.decoded()) {
      if (timestamp < 0) {
        frame.close();
        continue;
      }
      const time = Math.max(0, timestamp / MICROSECONDS - start);
      let pixels: Pixels;
      try {
        pixels = await withSquarePixels(await toRgb(frame, colour, rotation), rotation, aspect);
      } catch (error) {
        this.brokenTail = `the frame at ${time.toFixed(2)} s cannot be read (${(error as Error).message})`;
        return;
      } finally {
        frame.close();
      }
      last = time + duration / MICROSECONDS;
      yield { time, pixels };
    }
    const { durationSeconds } = this.info;
    if (durationSeconds - last > DURATION_TOLERANCE_SECONDS) {
      this.brokenTail ??= `the file states ${durationSeconds.toFixed(2)} s and ends at ${last.toFixed(2)} s`;
    }
  }

  close(): void {
    this.input.dispose();
  }

  private async *decoded(): AsyncGenerator<Shown> {
    const ready: VideoFrame[] = [];
    const times = new ShownTimes();
    let failure: Error | undefined;
    const decoder = new VideoDecoder({
      output: (frame) => ready.push(frame),
      error: (error) => {
        failure ??= error;
      },
    });
    let numPackets = 0;
    try {
      decoder.configure(this.config);
      for await (const packet of new EncodedPacketSink(this.track).packets()) {
        const timestamp = Math.round(packet.timestamp * MICROSECONDS);
        const duration = Math.round(packet.duration * MICROSECONDS);
        if (times.add(timestamp, duration)) {
          decoder.decode(new EncodedVideoChunk({ type: packet.type, timestamp, duration, data: packet.data }));
        }
        numPackets++;
        while (decoder.decodeQueueSize > PACKETS_AHEAD && !failure) await nextTurn();
        yield* taken(ready, times);
        if (failure) throw failure;
      }
      await decoder.flush();
      yield* taken(ready, times);
      if (failure) throw failure;
    } catch (error) {
      yield* taken(ready, times);
      this.brokenTail = `packet ${numPackets + 1} of ${this.stated.numPackets} cannot be decoded (${(failure ?? (error as Error)).message})`;
    } finally {
      for (const frame of ready) frame.close();
      if (decoder.state !== 'closed') decoder.close();
    }
    if (numPackets < this.stated.numPackets) {
      this.brokenTail ??= `the file ends after ${numPackets} of ${this.stated.numPackets} frames`;
    }
  }
}

/** @throws VideoError */
async function primaryTrack(input: Input, file: string): Promise<InputVideoTrack> {
  const track = await input.getPrimaryVideoTrack().catch((error: unknown) => {
    if (isOfFileSystem(error)) throw error;
    throw new VideoError('no_video', `${file} must be an MP4, MOV, WebM or Matroska video, got another file.`);
  });
  if (track) return track;
  throw new VideoError('no_video_track', `${file} must have a video track, got none.`);
}

/** Errors of the demuxer's own are plain ones. */
function isOfFileSystem(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).errno !== undefined;
}

function* taken(ready: VideoFrame[], times: ShownTimes): Generator<Shown> {
  for (let frame = ready.shift(); frame; frame = ready.shift()) yield { frame, ...times.next() };
}

/**
 * Packets come in the order of decoding, pictures in that of showing, and the decoder labels the n-th picture with the n-th packet's
 * time: where there are B-frames that is another picture's.
 */
class ShownTimes {
  private first: number | undefined;
  private readonly waiting: Omit<Shown, 'frame'>[] = [];
  private last = { timestamp: 0, duration: 0 };

  /** @returns false of a picture before the first key picture: what it refers to is not there, and some decoders leave it out. */
  add(timestamp: number, duration: number): boolean {
    this.first ??= timestamp;
    if (timestamp < this.first) return false;
    this.waiting.push({ timestamp, duration });
    this.waiting.sort((a, b) => a.timestamp - b.timestamp);
    return true;
  }

  /** Of the next picture that the decoder gives. */
  next(): Omit<Shown, 'frame'> {
    this.last = this.waiting.shift() ?? this.last;
    return this.last;
  }
}

/** Other work of the process goes on: the decoder tells of its frames. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function withSquarePixels(pixels: Pixels, rotation: Rotation, aspect: number): Promise<Pixels> {
  if (aspect === 1) return pixels;
  const isTurned = rotation === 90 || rotation === 270;
  const { width, height } = pixels;
  // Only made larger: nothing is lost.
  const across = isTurned ? 1 / aspect : aspect;
  const size =
    across > 1 ? { width: Math.round(width * across), height } : { width, height: Math.round(height / across) };
  return {
    ...size,
    data: await toSharp(pixels)
      .resize({ ...size, fit: 'fill' })
      .raw()
      .toBuffer(),
  };
}
