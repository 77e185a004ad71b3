import sharp from 'sharp';
import { strokeText, strokeTextWidth } from '../../cli/stroke-text';

const LINE = { x: 10, y: 40, size: 20, colour: '#000' };

test('a line stands on its foot, from its left end, as wide as it says', async () => {
  const width = strokeTextWidth('HE', LINE.size);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="100" height="60"><rect width="100" height="60" fill="#fff"/>${strokeText('HE', LINE)}</svg>`;
  const { info } = await sharp(Buffer.from(svg)).trim({ threshold: 100 }).toBuffer({ resolveWithObject: true });
  expect(-info.trimOffsetTop!).toBeGreaterThanOrEqual(17);
  expect(-info.trimOffsetTop! + info.height).toBeLessThanOrEqual(43);
  expect(-info.trimOffsetLeft!).toBeGreaterThanOrEqual(LINE.x);
  expect(info.width).toBeLessThanOrEqual(width);
  expect(info.height).toBeGreaterThan(18);
});

test('letters that the font has not: without their accents, or a question mark', () => {
  expect(strokeText('é雪', LINE)).toBe(strokeText('e?', LINE));
  expect(strokeText('35°', LINE)).not.toBe(strokeText('35?', LINE));
});
