/** A whole video as a clip, for whoever made it and expects nothing wrong with it. Foreign ones are opened as a VideoFile. */
import { mustBe } from '../../contract/field-error';
import type { Clip, ClipFrame } from '../face-track';
import { VideoFile } from './video-file';

/** Thrown where a file is no video, or not a whole one. */
export class VideoUnreadable extends Error {
  override readonly name = 'VideoUnreadable';
}

/** @throws VideoUnreadable when the file is not there, holds no video, or one that cannot be decoded; also while frames are read. */
export async function openClip(file: string): Promise<Clip> {
  const video = await VideoFile.open(file).catch((error: NodeJS.ErrnoException) => {
    throw unreadable(file, error.code ?? error.message);
  });
  return { durationSeconds: video.info.durationSeconds, frames: allFrames(video, file) };
}

async function* allFrames(video: VideoFile, file: string): AsyncGenerator<ClipFrame> {
  try {
    yield* video.frames();
  } finally {
    video.close();
  }
  if (video.brokenTail !== null) throw unreadable(file, video.brokenTail);
}

function unreadable(file: string, reason: string): VideoUnreadable {
  return new VideoUnreadable(mustBe('file', 'a video that can be decoded', `${file} (${reason})`).message);
}
