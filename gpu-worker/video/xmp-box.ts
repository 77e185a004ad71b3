/**
 * XMP in an MP4: a box of type `uuid` on the top level, behind everything else. There it moves no media data, so every offset in the
 * index stays right, and the index stays in front.
 * Sources: XMP specification part 3 (2020), 1.2.7 and table 9; ISO/IEC 14496-12, 4.2 (boxes).
 */

const XMP_UUID = Buffer.from('be7acfcb97a942e89c71999491e3afac', 'hex');
const SIZE_BYTES = 4;
const HEADER_BYTES = 8;

/**
 * @param mp4 whole; is not changed.
 * @throws Error when its last box goes on to the end of the file, whatever follows.
 */
export function withXmp(mp4: Uint8Array, xmp: string): Uint8Array {
  requireClosed(mp4);
  const packet = Buffer.from(xmp, 'utf8');
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(HEADER_BYTES + XMP_UUID.length + packet.length);
  header.write('uuid', SIZE_BYTES, 'latin1');
  return new Uint8Array(Buffer.concat([mp4, header, XMP_UUID, packet]));
}

/** A box of size 0 is one without an end: it would swallow what is appended. Size 1 stands for 64 bits behind the type. */
function requireClosed(mp4: Uint8Array): void {
  const view = new DataView(mp4.buffer, mp4.byteOffset, mp4.byteLength);
  let at = 0;
  while (at < mp4.length) {
    const short = at + HEADER_BYTES <= mp4.length ? view.getUint32(at) : 0;
    const size = short === 1 ? Number(view.getBigUint64(at + HEADER_BYTES)) : short;
    if (size < HEADER_BYTES || at + size > mp4.length) {
      throw new Error(`An MP4 must consist of whole boxes, got one of ${size} bytes at ${at} of ${mp4.length}.`);
    }
    at += size;
  }
}
