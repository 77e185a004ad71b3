import { checkLines, shortened, styleOf } from '../../cli/check-text';
import type { Finding, ReferenceCheck } from '../../contract/reference-check';

const IMAGE = { faces: 1, face_width: 180, sharpness: 400.4, yaw: -34.6, pitch: 0, roll: 0, similarity: 0.713 };
const FINDING: Finding = {
  code: 'different_person',
  severity: 'error',
  accepted: false,
  path: 'reference_set.images[0].file',
  file: 'b.png',
  figure: 0.4,
  rule: 'of the same person as the other views',
  message: 'reference_set.images[0].file must be of the same person as the other views, got b.png (0.40).',
};
const NAME = 'a name that is far longer than the column which a terminal has for it.png';
const CHECK: ReferenceCheck = {
  measured_with: 'none',
  images: [
    { ...IMAGE, file: NAME },
    { ...IMAGE, file: 'b.png' },
    {
      file: 'c.png',
      faces: 0,
      face_width: null,
      sharpness: null,
      yaw: null,
      pitch: null,
      roll: null,
      similarity: null,
    },
  ],
  findings: [FINDING, { ...FINDING, code: 'no_face', file: 'c.png', severity: 'warning', accepted: true }],
};
const RED = '\u001b[31merror\u001b[0m';

test('in a file: whole lines without colours', () => {
  const lines = checkLines(CHECK, [], styleOf({ write: () => {} }, {}));
  expect(lines.join('\n')).not.toContain('\u001b');
  expect(lines).toContain(`error    different_person: ${FINDING.message}`);
  expect(lines[1]).toMatch(/^a name that .* has for it\.png +- +35° right +180 px +400 +0\.71 +ok$/);
  expect(lines[3]).toMatch(/^c\.png +- +- +- +- +- +warning$/);
  expect(lines.at(-1)).toBe('Not usable: 1 error, 1 warning.');
});

test.each([80, 120])('on a terminal of %d columns every line fits, and what is folded is whole', (columns) => {
  const lines = checkLines(CHECK, [], styleOf({ write: () => {}, isTTY: true, columns }, { NO_COLOR: '1' }));
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
  expect(lines.join(' ').replaceAll(/ +/g, ' ')).toContain(FINDING.message);
});

test('colours on a terminal, and none where NO_COLOR asks for it', () => {
  const terminal = { write: () => {}, isTTY: true, columns: 100 };
  const coloured = checkLines(CHECK, [], styleOf(terminal, {}));
  expect(coloured[2]).toMatch(/0\.71 {2}/);
  expect(coloured[2]!.endsWith(RED)).toBe(true);
  expect(checkLines(CHECK, [], styleOf(terminal, { NO_COLOR: '1' })).join('')).not.toContain('\u001b');
});

test('a long name loses its middle', () => {
  expect(shortened('front.png', 9)).toBe('front.png');
  expect(shortened('a-long-name.png', 11)).toBe('a-lo....png');
});
