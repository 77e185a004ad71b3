import type { Job } from '../../contract/job';
import { OPEN_JOBS_LINE } from '../../contract/metrics';
import { OpenJobsCount } from '../../lambdas/open-jobs';
import { reconcile } from '../../lambdas/reconcile';
import { openTestContext, SILENT_LOG, uploadManifest } from './factories';
import { queuedJob } from './queued-job';

const NOW = new Date('2026-11-23T12:00:00.000Z');
const NONE = { queued: 0, submitted: 0, starting: 0, processing: 0, stalled_seconds: 0 };

/** The lines about these jobs; each is a state and, of a submitted one, how many seconds ago it was. */
function linesOf(jobs: [Job['status'], number?][], isLocal = false): unknown[] {
  const lines: unknown[] = [];
  const log = { ...SILENT_LOG, info: (message: string, about?: object) => void lines.push([message, about]) };
  const count = new OpenJobsCount({ log, now: () => NOW, isLocal });
  for (const [status, seconds = 0] of jobs) {
    const submitted_at = new Date(NOW.getTime() - seconds * 1000).toISOString();
    count.add({ status, submitted_at, created_at: '2026-11-23T00:00:00.000Z' });
  }
  count.log();
  return lines;
}

test('open jobs by state', () => {
  const lines = linesOf([['queued'], ['queued'], ['submitted', 5000], ['starting'], ['processing'], ['succeeded']]);
  expect(lines).toEqual([[OPEN_JOBS_LINE, { ...NONE, queued: 2, submitted: 1, starting: 1, processing: 1 }]]);
});

test('stalled: jobs wait for a machine while none works', () => {
  const lines = linesOf([['submitted', 60], ['submitted', 1800], ['queued']]);
  expect(lines).toEqual([[OPEN_JOBS_LINE, { ...NONE, queued: 1, submitted: 2, stalled_seconds: 1800 }]]);
});

test('nothing while nothing is open, and on one machine', () => {
  expect(linesOf([])).toEqual([]);
  expect(linesOf([['failed'], ['rejected']])).toEqual([]);
  expect(linesOf([['queued']], true)).toEqual([]);
});

test('reconcile tells it', async () => {
  const context = await openTestContext();
  const { manifest } = await queuedJob(context);
  await uploadManifest(context, manifest);
  const lines: unknown[] = [];
  const log = { ...SILENT_LOG, info: (message: string, about?: object) => void lines.push([message, about]) };
  await reconcile({ ...context, log, isLocal: false });
  expect(lines).toContainEqual([OPEN_JOBS_LINE, { ...NONE, queued: 1 }]);
});
