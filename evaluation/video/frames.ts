/**
 * The pictures of a video file, one at a time: any container and codec that the decoder knows, of any size and frame rate. What waits
 * decoded is at most what the codec holds back to bring its frames into order.
 */
import { readFile } from 'node:fs/promises';
import { EncodedVideoChunk, VideoDecoder, type VideoFrame } from '@napi-rs/webcodecs';
import { ALL_FORMATS, BufferSource, EncodedPacketSink, Input, type InputVideoTrack } from 'mediabunny';
import { mustBe } from '../../contract/field-error';
import type { Pixels } from '../../faces/pixels';
import type { Clip, ClipFrame } from '../face-track';
import { rgbOfI420 } from './i420';

const MICROSECONDS = 1_000_000;

/** Thrown where a file is no video. */
export class VideoUnreadable extends Error {
  override readonly name = 'VideoUnreadable';
}

/** @throws VideoUnreadable when the file is not there, holds no video, or one that cannot be decoded; also while frames are read. */
export async function openClip(file: string): Promise<Clip> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw unreadable(file, String(error.code));
  });
  const input = new Input({ formats: ALL_FORMATS, source: new BufferSource(bytes) });
  try {
    const track = await input.getPrimaryVideoTrack();
    if (!track) throw new Error('no video track');
    const start = await track.getFirstTimestamp();
    return { durationSeconds: (await track.computeDuration()) - start, frames: framesOf(track, start, file) };
  } catch (error) {
    throw unreadable(file, (error as Error).message);
  }
}

async function* framesOf(track: InputVideoTrack, start: number, file: string): AsyncGenerator<ClipFrame> {
  const waiting: VideoFrame[] = [];
  let failure: Error | undefined;
  const decoder = new VideoDecoder({
    output: (frame) => waiting.push(frame),
    error: (error) => {
      failure ??= error;
    },
  });
  async function* decoded(): AsyncGenerator<ClipFrame> {
    for (let frame = waiting.shift(); frame; frame = waiting.shift()) {
      try {
        yield { time: Math.max(0, frame.timestamp / MICROSECONDS - start), pixels: await toPixels(frame) };
      } finally {
        frame.close();
      }
    }
    if (failure) throw failure;
  }
  try {
    decoder.configure((await track.getDecoderConfig()) as Parameters<VideoDecoder['configure']>[0]);
    for await (const { type, timestamp, data } of new EncodedPacketSink(track).packets()) {
      decoder.decode(new EncodedVideoChunk({ type, timestamp: Math.round(timestamp * MICROSECONDS), data }));
      while (decoder.decodeQueueSize > 0 && !failure) await new Promise((resolve) => setImmediate(resolve));
      yield* decoded();
    }
    await decoder.flush();
    yield* decoded();
  } catch (error) {
    throw unreadable(file, (error as Error).message);
  } finally {
    for (const frame of waiting) frame.close();
    if (decoder.state !== 'closed') decoder.close();
  }
}

async function toPixels(frame: VideoFrame): Promise<Pixels> {
  const { format, codedWidth: width, codedHeight: height, colorSpace } = frame;
  if (format === 'I420') {
    const planes = new Uint8Array(frame.allocationSize());
    await frame.copyTo(planes);
    return { data: rgbOfI420(planes, width, height, colorSpace), width, height };
  }
  const rgba = new Uint8Array(frame.allocationSize({ format: 'RGBA' }));
  await frame.copyTo(rgba, { format: 'RGBA' });
  return { data: rgba.filter((_, at) => at % 4 !== 3), width, height };
}

function unreadable(file: string, reason: string): VideoUnreadable {
  return new VideoUnreadable(mustBe('file', 'a video that can be decoded', `${file} (${reason})`).message);
}
