import { withXmp } from '../../../gpu-worker/video/xmp-box';

function box(type: string, content: string, size = 8 + content.length): Buffer {
  const bytes = Buffer.alloc(8 + content.length);
  bytes.writeUInt32BE(size);
  bytes.write(`${type}${content}`, 4, 'latin1');
  return bytes;
}

test('the packet stands behind whole boxes, in one of its own', () => {
  const mp4 = Buffer.concat([box('ftyp', 'isom'), box('mdat', 'pictures')]);
  const marked = Buffer.from(withXmp(mp4, '<x>é</x>'));
  expect(marked.subarray(0, mp4.length)).toEqual(mp4);
  const added = marked.subarray(mp4.length);
  expect(added.readUInt32BE(0)).toBe(added.length);
  expect(added.toString('latin1', 4, 8)).toBe('uuid');
  expect(added.toString('utf8', 24)).toBe('<x>é</x>');
});

test('a box with 64 bits of size counts as long as they say', () => {
  const large = Buffer.alloc(20);
  large.writeUInt32BE(1);
  large.write('mdat', 4);
  large.writeBigUInt64BE(20n, 8);
  expect(withXmp(large, 'x')).toHaveLength(20 + 24 + 1);
});

test.each([
  ['a last box without an end', box('mdat', 'pictures', 0)],
  ['a box that is cut off', box('mdat', 'pictures', 99)],
  ['bytes that are no box', Buffer.from('abc')],
])('%s is refused: it would swallow the packet', (_what, mp4) => {
  expect(() => withXmp(mp4, 'x')).toThrow('An MP4 must consist of whole boxes');
});
