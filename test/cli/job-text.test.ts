import { readFileSync } from 'node:fs';
import path from 'node:path';
import { jobLines } from '../../cli/job-text';
import { JobSchema } from '../../contract/job';
import type { ReferenceCheck } from '../../contract/reference-check';

const JOB = JobSchema.parse(
  JSON.parse(readFileSync(path.resolve(__dirname, '../fixtures/contract/job-v1-succeeded.json'), 'utf8')),
);
const IMAGE = { faces: 1, face_width: 180, sharpness: 400, pitch: 0, roll: 0, similarity: 0.7 };
const WARNING = { severity: 'warning', file: null, figure: null, rule: '', path: 'reference_set.images' } as const;
const CHECK: ReferenceCheck = {
  measured_with: 'none',
  images: [
    { ...IMAGE, file: 'a.png', yaw: -57.2 },
    { ...IMAGE, file: 'b.png', yaw: null, faces: 0 },
  ],
  findings: [
    { ...WARNING, severity: 'error', code: 'no_face', accepted: false, message: 'An error.' },
    { ...WARNING, code: 'small_face', accepted: true, message: 'A small face.' },
    { ...WARNING, code: 'one_sided', accepted: false, message: 'One side.' },
  ],
};

test('the angles in one line, warnings a line each; errors are told by the error of the job', () => {
  const lines = jobLines({ ...JOB, reference_check: CHECK });
  expect(lines).toContain('  photos     2 photos: 57° right, no face');
  expect(lines.filter((line) => line.startsWith('  warning'))).toEqual([
    '  warning    A small face. (accepted)',
    '  warning    One side.',
  ]);
  expect(lines.join()).not.toContain('An error.');
});

test('a job of before there was a check has neither', () => {
  expect(jobLines({ ...JOB, reference_check: null }).join()).not.toMatch(/photos {5}|warning/);
});
