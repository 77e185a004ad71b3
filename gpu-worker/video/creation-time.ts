/**
 * An MP4 names the second it was made in, and a video must not: the same job gives the same bytes at any time. The muxer offers no
 * setting for it, so the times are cleared in the file.
 */

/** Boxes that hold other boxes on the way to the times. */
const CONTAINERS: readonly string[] = ['moov', 'trak', 'mdia'];
/** Boxes with a creation and a modification time behind their version and flags. Source: ISO/IEC 14496-12, 8.2.2, 8.3.2, 8.4.2. */
const TIMED: readonly string[] = ['mvhd', 'tkhd', 'mdhd'];
const HEADER_BYTES = 8;
const VERSION_AND_FLAGS_BYTES = 4;

/** Sets every creation and modification time to 0, which stands for unknown. Changes `mp4` in place. */
export function clearCreationTime(mp4: Uint8Array): void {
  const view = new DataView(mp4.buffer, mp4.byteOffset, mp4.byteLength);
  clearIn(mp4, view, 0, mp4.length);
}

function clearIn(mp4: Uint8Array, view: DataView, start: number, end: number): void {
  for (let at = start; at + HEADER_BYTES <= end; ) {
    // Sizes 0 (to the end) and 1 (64 bits) are the media data's: whatever follows is no index.
    const size = view.getUint32(at);
    if (size < HEADER_BYTES) return;
    const type = String.fromCharCode(...mp4.subarray(at + 4, at + HEADER_BYTES));
    const body = at + HEADER_BYTES;
    if (CONTAINERS.includes(type)) clearIn(mp4, view, body, at + size);
    if (TIMED.includes(type)) {
      const timeBytes = mp4[body] === 1 ? 8 : 4;
      mp4.fill(0, body + VERSION_AND_FLAGS_BYTES, body + VERSION_AND_FLAGS_BYTES + 2 * timeBytes);
    }
    at += size;
  }
}
