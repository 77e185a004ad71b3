/** How many jobs are in which state, as a line that CloudWatch reads: only who looks at all open jobs knows it. */
import type { Job } from '../contract/job';
import { OPEN_JOBS_LINE, type OpenJobs } from '../contract/metrics';
import type { StageContext } from './stage';

export class OpenJobsCount {
  private readonly count = { queued: 0, submitted: 0, starting: 0, processing: 0 };
  /** Milliseconds since 1970. */
  private oldestSubmitted = Number.POSITIVE_INFINITY;

  constructor(private readonly context: Pick<StageContext, 'log' | 'now' | 'isLocal'>) {}

  add({ status, submitted_at, created_at }: Pick<Job, 'status' | 'submitted_at' | 'created_at'>): void {
    if (!isOpen(status)) return;
    this.count[status]++;
    if (status !== 'submitted') return;
    this.oldestSubmitted = Math.min(this.oldestSubmitted, Date.parse(submitted_at ?? created_at));
  }

  /** Nothing while nothing is open: an idle service has no metrics that cost. */
  log(): void {
    const { log, isLocal } = this.context;
    if (isLocal || Object.values(this.count).every((jobs) => jobs === 0)) return;
    const about: OpenJobs = { ...this.count, stalled_seconds: this.stalledSeconds() };
    log.info(OPEN_JOBS_LINE, { ...about });
  }

  private stalledSeconds(): number {
    const { submitted, starting, processing } = this.count;
    if (submitted === 0 || starting + processing > 0) return 0;
    return Math.max(0, Math.round((this.context.now().getTime() - this.oldestSubmitted) / 1000));
  }
}

function isOpen(status: Job['status']): status is 'queued' | 'submitted' | 'starting' | 'processing' {
  return status === 'queued' || status === 'submitted' || status === 'starting' || status === 'processing';
}
