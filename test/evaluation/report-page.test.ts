/** The report page: complete, escaped, and at home in a browser that may load and run nothing. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { renderReportPage } from '../../evaluation/report-page';
import { openVideoWriter } from '../../gpu-worker/video';
import type { Seen } from './open-in-browser';
import { sampleFaces, turningTrack } from './sample-faces';
import { sampleMedia, sampleOutput, sampleReference, sampleReport } from './sample-report';

const SIZE = 32;
const FPS = 8;
const NUM_FRAMES = 4;

function render(
  ...[report, media = sampleMedia(report)]: [ReturnType<typeof sampleReport>, ReturnType<typeof sampleMedia>?]
) {
  return renderReportPage(report, media);
}

test('the page says what made the video, that nobody signed it, and whose consent was recorded', () => {
  const report = sampleReport();
  const page = renderReportPage(report, sampleMedia(report));
  expect(page).toContain('<td>a generative model; no pixel of a photo is in it</td>');
  expect(page).toContain('<code>http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia</code>');
  expect(page).toContain('<th scope="row">Content Credentials</th><td>not signed</td>');
  expect(page).toContain('<td>recorded 2026-11-23 20:32:55 UTC: release form 17</td>');
  const early = sampleReport({ consent: { ...report.consent, recorded_at: null, manifest_sha256: null } });
  expect(renderReportPage(early, sampleMedia(early))).toContain('<td>confirmed in job.json: release form 17</td>');
});

test('everything that the report says stands on the page', () => {
  const page = render(sampleReport());
  for (const text of [
    'Ada',
    'a person turns far to the left, blue background, soft light from the front',
    'right 45°',
    'yaw+000.png',
    '17 frames at 8 fps',
    'text 2, image 1.5',
    'float32 on cpu',
    'Encode references',
    '2.04 s',
    '79.0 %',
    'Velocity, root mean square',
    '2'.repeat(64),
    '6'.repeat(64),
    '315.1 MB',
    'onnxruntime-node',
    '23 November 2026, 20:33 UTC',
  ]) {
    expect(page).toContain(text);
  }
  expect(page).not.toContain('Not:');
  expect(page).not.toContain('Finished in attempt');
});

test('a video, its poster and the references are in the page itself', () => {
  const page = render(sampleReport());
  const fed = ['1-yaw-060.png', '2-yaw+000.png', '3-yaw+060.png'].map((name) => `references/${name}`);
  for (const file of ['video.mp4', 'poster.jpg', ...fed]) {
    expect(page).toContain(`;base64,${Buffer.from(`bytes of ${file}`).toString('base64')}"`);
  }
});

test('a reference is shown with its angle and the reason of its choice, and what was left out is named', () => {
  const references = [
    sampleReference(1, { choice: 'new_angle', yaw: -55.2, view: 'right_45' }),
    sampleReference(2, { choice: 'most_frontal', yaw: 0.3 }),
    sampleReference(3, { choice: 'left_out', yaw: 11, file: 'again.jpg', fed: null }),
    sampleReference(4, { choice: 'in_order', preparation: 'as_uploaded' }),
    sampleReference(5, { choice: 'left_out', file: 'back.jpg', fed: null }),
  ];
  const page = render(sampleReport({ references }));
  expect(page).toContain('128 × 128, cut out<br>55° right: a new angle</figcaption>');
  expect(page).toContain('128 × 128, cut out<br>0°: the most frontal</figcaption>');
  expect(page).toContain('128 × 128, as uploaded<br>no face found</figcaption>');
  expect(page).toContain('Left out, because the model takes 3: again.jpg (11° left), back.jpg.');
  expect(page.match(/<li><figure>/g)).toHaveLength(3);
});

test('a report from before references were stored has no pictures of them', () => {
  const references = sampleReport().references.map((reference) => ({ ...reference, fed: null }));
  expect(render(sampleReport({ references }))).not.toContain('References');
});

test('bytes are those of the view, not of the buffer behind it', () => {
  const report = sampleReport();
  const bytes = Buffer.from('before|the video|after').subarray(7, 16);
  const page = render(report, sampleMedia(report, { 'video.mp4': bytes }));
  expect(page).toContain(`src="data:video/mp4;base64,${Buffer.from('the video').toString('base64')}"`);
});

test('whatever stands in a job is text, wherever it is put', () => {
  const evil = `"><img src=x onerror=alert(1)>'&</style><script>`;
  const report = sampleReport();
  const page = render(
    sampleReport({
      subject: evil,
      model: evil,
      provider: evil,
      input: { ...report.input, prompt: evil, negative_prompt: evil },
      references: report.references.map((reference, i) => ({ ...reference, file: `${evil}${i}` })),
      timings_seconds: { [evil]: 1 },
      versions: { [evil]: evil },
    }),
  );
  expect(page).not.toContain('<script');
  expect(page).not.toContain('<img src=x');
  expect(page.match(/<\/style>/g)).toHaveLength(1);
  expect(page.replaceAll('&lt;img src=x onerror=', '')).not.toContain('onerror');
});

test('several outputs have a video, a line and hashes each; a resumed run says so', () => {
  const outputs = [sampleOutput(0), sampleOutput(1), sampleOutput(2)];
  const page = render(sampleReport({ outputs, attempts: 3, resumed_from_step: 28 }));
  expect(page.match(/<video /g)).toHaveLength(3);
  expect(page).toContain('<b>3.</b> seed 7');
  expect(page.match(/<g class="line-2">/g)).toHaveLength(4);
  expect(page).toContain('Latents of video-3.mp4');
  expect(page).toContain('Finished in attempt 3. It went on after step 28 of 60');
  expect(page).toContain('32 steps');
});

test('a curve of one step, one that stays as it is, and none at all are drawn', () => {
  const [step] = sampleOutput().steps;
  const same = { ...step!, step: 2 };
  const one = render(sampleReport({ outputs: [{ ...sampleOutput(), steps: [step!] }] }));
  const flat = render(sampleReport({ outputs: [{ ...sampleOutput(), steps: [step!, same] }] }));
  const none = render(sampleReport({ outputs: [{ ...sampleOutput(), steps: [] }] }));
  expect(`${one}${flat}`).not.toMatch(/NaN|Infinity|undefined/);
  expect(one).toContain('over steps 1 to 1.');
  expect(none).not.toContain('Step by step');
});

test.each(['videos', 'posters', 'references'] as const)('a page without one of its %s is not made', (kind) => {
  const report = sampleReport();
  expect(() => renderReportPage(report, { ...sampleMedia(report), [kind]: [] })).toThrow(
    new RegExp(`The report's ${kind} must hold .*, got nothing of that name`),
  );
});

test('in a browser it loads nothing, breaks no rule of its policy, plays, and fits a telephone', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'mv2id-report-'));
  try {
    const pages = [
      await realPage(folder, 'one.html', sampleReport()),
      await realPage(folder, 'two.html', longReport()),
    ];
    const script = path.join(__dirname, 'open-in-browser.ts');
    const output = execFileSync(process.execPath, ['--require', 'tsx/cjs', script, ...pages], { encoding: 'utf8' });
    const [one, two]: Seen[] = JSON.parse(output);
    for (const seen of [one!, two!]) {
      expect(seen).toMatchObject({ requests: [], complaints: [], brokenImages: 0, widthAt400: 400 });
      expect(seen.papers[0]).not.toBe(seen.papers[1]);
      expect(seen.pdfBytes).toBeGreaterThan(10_000);
    }
    const video = { seconds: NUM_FRAMES / FPS, width: SIZE };
    expect(one!.videos).toEqual([{ ...video, label: 'Video of Ada' }]);
    expect(two!.videos.map(({ label }) => label)).toEqual([
      expect.stringMatching(/^Video 1 of /),
      expect.stringMatching(/^Video 2 of /),
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** As long as names may be, without a space to break at. */
function longReport() {
  const report = sampleReport();
  return sampleReport({
    subject: 'S'.repeat(100),
    consent: { ...report.consent, reference: 'r'.repeat(200) },
    input: { ...report.input, prompt: 'p'.repeat(4000) },
    references: report.references.map((reference, i) => ({ ...reference, file: `${'f'.repeat(120)}${i}.png` })),
    outputs: [sampleOutput(0), sampleOutput(1)],
    faces: sampleFaces({
      files: ['f'.repeat(120)],
      yaws: [null, 30],
      tracks: [turningTrack([null, 30]), turningTrack([null, 30])],
    }),
    attempts: 2,
  });
}

async function realPage(folder: string, name: string, report: ReturnType<typeof sampleReport>): Promise<string> {
  const video = path.join(folder, 'video.mp4');
  const writer = await openVideoWriter(video, { width: SIZE, height: SIZE }, FPS, {
    origin: { jobId: report.job_id, model: report.model, modelSha256: report.model_sha256 },
  });
  for (let i = 0; i < NUM_FRAMES; i++) await writer.add(new Float32Array(3 * SIZE * SIZE).fill(i / NUM_FRAMES));
  await writer.finish();
  const background = 'teal';
  const jpeg = await sharp({ create: { width: SIZE, height: SIZE, channels: 3, background } })
    .jpeg()
    .toBuffer();
  const pictures = [
    ...report.outputs.map(({ poster }) => poster),
    ...report.references.flatMap(({ fed }) => fed ?? []),
    ...report.outputs.flatMap((_, i) => [`best-${i + 1}.jpg`, `worst-${i + 1}.jpg`]),
  ];
  const files = {
    ...Object.fromEntries(report.outputs.map((output) => [output.video, readFileSync(video)])),
    ...Object.fromEntries(pictures.map((file) => [file, jpeg])),
  };
  writeFileSync(path.join(folder, name), renderReportPage(report, sampleMedia(report, files)));
  return path.join(folder, name);
}
