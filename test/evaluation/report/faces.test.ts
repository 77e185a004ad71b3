/** The section on faces: every figure on it, and what stands there when there is little to show. */
import { facesSection } from '../../../evaluation/report/faces';
import { sampleFaces, turningTrack } from '../sample-faces';
import { sampleMedia, sampleOutput, sampleReport } from '../sample-report';
import { trackOf } from '../synthetic-track';

const YAWS = [-55.2, 0.3, 66.1];

function section(faces: ReturnType<typeof sampleFaces> | null, numOutputs = 1): string {
  const outputs = Array.from({ length: numOutputs }, (_, i) => sampleOutput(i));
  const report = sampleReport({ faces, outputs });
  return facesSection(report, sampleMedia(report)).text;
}

const count = (page: string, text: string | RegExp) => [...page.matchAll(new RegExp(text, 'g'))].length;

test('every figure stands there, with what it was measured with', () => {
  const faces = sampleFaces();
  const page = section(faces);
  const { mean, max, normalised } = faces.outputs[0]!.identity;
  for (const value of [mean, max, normalised]) expect(page).toContain(`<td>${value!.toFixed(2)}</td>`);
  for (const text of [
    '<code>blazeface + faceres (da8aefcf31b9)</code>',
    "one person's from a cosine of 0.64, and as two people's below 0.56",
    'Different people have 0.418 on average',
    'same person: 0.64; other people: 0.418',
    '<th scope="row">Without a face</th><td>0 of 33 frames</td>',
    '<th scope="row">Beyond 60°</th>',
    'Copying and motion <span class="tag">experimental</span>',
    'Frames by yaw, 15° a bar',
    'Reference 3, view-3.png: 66° left',
  ]) {
    expect(page).toContain(text);
  }
  expect(page).not.toContain('MvRC-Arc');
  expect(section({ ...faces, is_arcface: true })).toContain('MvRC-Arc');
});

test('the pictures are those of the best and the worst frame, with their figures', () => {
  const faces = sampleFaces();
  const page = section(faces);
  for (const [name, word, extreme] of [
    ['best', 'Most alike', faces.outputs[0]!.identity.best!],
    ['worst', 'Least alike', faces.outputs[0]!.identity.worst!],
  ] as const) {
    expect(page).toContain(`data:image/jpeg;base64,${Buffer.from(`bytes of ${name}-1.jpg`).toString('base64')}`);
    expect(page).toContain(`<b>${word}: ${extreme.similarity.toFixed(2)}</b>`);
  }
});

test('the way on the sphere begins in its middle when the face looks ahead, and ends at its rim when it is in profile', () => {
  const page = section(sampleFaces({ tracks: [trackOf([{ yaw: 0 }, { yaw: 45 }, { yaw: 90 }])] }));
  expect(page).toMatch(/<circle class="start time-0" cx="160.0" cy="122.0"/);
  expect(page).toMatch(/<rect class="end time-11" x="263.0" y="117.0"/);
  expect(page).toContain('from 0° at 0 ms to 90° left at 200 ms');
  expect(count(page, 'class="time-\\d+" x1=')).toBe(2);
});

test('beyond the profile the way lies behind', () => {
  expect(section(sampleFaces({ tracks: [trackOf([{ yaw: 80 }, { yaw: 100 }])] }))).toContain('behind');
});

test('a curve breaks where there is no face', () => {
  const page = section(sampleFaces({ tracks: [turningTrack(YAWS, { faceless: [10, 11] })] }));
  const yaw = page.slice(page.indexOf('faces-1-yaw'), page.indexOf('Facial trajectory'));
  expect(count(yaw, '<polyline')).toBe(2);
  expect(page).toContain('<td>2 of 33 frames</td>');
});

test('references whose lines nearly meet share one name', () => {
  const yaws = [-95, -50, -46, -20, 0, 25, 66, 104];
  const page = section(sampleFaces({ yaws, tracks: [turningTrack(yaws, { from: -110, to: 110 })] }));
  expect(page).toContain('>3, 2</text>');
  expect(count(page, '<polygon points="[^"]*"><title>Reference ')).toBe(8);
});

test('one frame is a clip', () => {
  const page = section(sampleFaces({ tracks: [turningTrack(YAWS, { numFrames: 1 })] }));
  expect(page).toContain('<td>0 of 1 frame</td>');
  expect(page).not.toMatch(/NaN|Infinity/);
  const none = section(sampleFaces({ tracks: [trackOf([null])] }));
  expect(none).toContain('No face was found in the one frame.');
});

test('without a face in any frame there is nothing to draw', () => {
  const page = section(sampleFaces({ tracks: [trackOf([null, null])] }));
  expect(page).toContain('No face was found in any of the 2 frames.');
  expect(page).not.toMatch(/<svg|NaN|Infinity/);
});

test('without a face in any reference the angles stand there alone', () => {
  const page = section(sampleFaces({ yaws: [null, null], tracks: [turningTrack([null, null])] }));
  expect(page).toContain('there is nothing to compare with');
  expect(page).toContain('No face was found in view-1.png, view-2.png.');
  expect(page).toContain('Frames by yaw');
  expect(page).not.toMatch(/NaN|Infinity|Most alike|>reference</);
});

test('several videos each have their figures, under titles of their own', () => {
  const tracks = [turningTrack(YAWS), trackOf([null]), turningTrack(YAWS, { to: -60 }), turningTrack(YAWS)];
  const page = section(sampleFaces({ tracks }), 4);
  for (const i of [1, 2, 3, 4]) expect(page).toContain(`Video ${i}, seed ${4 + i}`);
  const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(count(page, 'Facial trajectory')).toBe(3);
  expect(count(page, 'Measured with')).toBe(1);
});

test('what was not measured is said to be so', () => {
  expect(section(null)).toContain('Not measured.');
});

test('a name of a file is text', () => {
  const page = section(sampleFaces({ files: ['"><script>', 'b', 'c'] }));
  expect(page).toContain('Reference 1, &quot;&gt;&lt;script&gt;: 55° right');
  expect(page).not.toContain('<script');
});
