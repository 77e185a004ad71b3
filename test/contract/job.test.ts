import { readFileSync } from 'node:fs';
import path from 'node:path';
import { canMove, isTerminal, JOB_STATES, JobSchema } from '../../contract/job';

function fixture(name: string): unknown {
  return JSON.parse(readFileSync(path.resolve(__dirname, '../fixtures/contract', name), 'utf8'));
}

test.each(['job-v1-succeeded.json', 'job-v1-rejected.json'])('%s is the wire form of a job object', (name) => {
  expect(JobSchema.parse(fixture(name))).toEqual(fixture(name));
});

test('a job object with a key missing or one too many is refused', () => {
  const job = fixture('job-v1-succeeded.json') as Record<string, unknown>;
  expect(JobSchema.safeParse({ ...job, urls: {} }).success).toBe(false);
  const { error: _error, ...withoutError } = job;
  expect(JobSchema.safeParse(withoutError).success).toBe(false);
});

test('a job object of before reference_check is read as one whose photos were not looked at', () => {
  const { reference_check: _check, ...earlier } = fixture('job-v1-succeeded.json') as Record<string, unknown>;
  expect(JobSchema.parse(earlier).reference_check).toBeNull();
});

test('a job object of before data_removed_at is read as one whose results are there', () => {
  const { data_removed_at: _removed, ...earlier } = fixture('job-v1-succeeded.json') as Record<string, unknown>;
  expect(JobSchema.parse(earlier).data_removed_at).toBeNull();
});

test('five states are terminal', () => {
  expect(JOB_STATES.filter(isTerminal)).toEqual(['succeeded', 'failed', 'canceled', 'timed_out', 'rejected']);
});

test('every allowed move, and no other', () => {
  const moves = JOB_STATES.map((from) => `${from}: ${JOB_STATES.filter((to) => canMove(from, to)).join(' ')}`.trim());
  expect(moves).toEqual([
    'queued: submitted starting processing failed canceled timed_out',
    'submitted: starting processing succeeded failed canceled timed_out',
    'starting: processing succeeded failed canceled timed_out',
    'processing: succeeded failed canceled timed_out',
    'succeeded:',
    'failed:',
    'canceled:',
    'timed_out:',
    'rejected:',
  ]);
});
