/**
 * One attempt at a job, and its right to write. A job may meet several workers: Batch runs a retry, a submission was made twice, a
 * host that seemed gone comes back. The last one to claim the job owns it; all others find a larger number in the record and stop.
 */
import type { JobChange, JobLedger } from '../clients/job-ledger';
import { isTerminal, type Job, type JobId } from '../contract/job';
import type { JobRecord } from '../contract/job-record';

/** The job is over, or another attempt's: nothing is wrong, and nothing is left to do here. */
export class Superseded extends Error {
  override readonly name = 'Superseded';
}

/** Who claims a job, and where it runs. */
export interface Claimant {
  readonly batchJobId: string;
  /** Which of the Batch job's attempts this is, from 1; the next claim of the job unless given. */
  readonly batchAttempt?: number;
  /** What the attempt is priced by; null where it is not known. */
  readonly capacity: Job['attempts'][number]['capacity'];
  readonly instanceType: string | null;
  readonly now: Date;
}

export class Attempt {
  private hasEnded = false;

  private constructor(
    private readonly ledger: JobLedger,
    readonly jobId: JobId,
    /** From 1. */
    readonly number: number,
    /** As it was when it was claimed. */
    readonly record: JobRecord,
  ) {}

  /**
   * @throws Superseded when the job is over or another Batch job's.
   * @throws Error when there is no such job.
   */
  static async claim(ledger: JobLedger, jobId: JobId, claimant: Claimant): Promise<Attempt> {
    const { batchJobId } = claimant;
    let number = 0;
    const record = await ledger.change(jobId, (found) => {
      if (isTerminal(found.job.status)) throw new Superseded(`${jobId} is ${found.job.status} already.`);
      if (found.batch_job_id !== null && found.batch_job_id !== batchJobId) {
        throw new Superseded(`${jobId} is run by the Batch job ${found.batch_job_id}, not by ${batchJobId}.`);
      }
      number = found.attempt + 1;
      const attempts = withClaim(found.job.attempts, claimant.batchAttempt ?? number, claimant);
      const metrics = { ...found.job.metrics, attempts: attempts.length };
      return { job: { attempts, metrics }, record: { batch_job_id: batchJobId, attempt: number } };
    });
    if (!record) throw new Error(`${jobId} must be in the job table, got nothing.`);
    return new Attempt(ledger, jobId, number, record);
  }

  /**
   * Changes the job.
   * @throws Superseded when this attempt may not write any more.
   */
  async change(change: JobChange): Promise<void> {
    const record = await this.ledger.change(this.jobId, (found) => {
      this.requireCurrent(found);
      return change;
    });
    if (!record) throw new Superseded(`${this.jobId} was erased.`);
  }

  /** @throws Superseded when this attempt may not write any more. */
  async requireOwn(): Promise<void> {
    const record = await this.ledger.change(this.jobId, (found) => {
      this.requireCurrent(found);
      return null;
    });
    if (!record) throw new Superseded(`${this.jobId} was erased.`);
  }

  /** From now on nothing of this attempt may write: what is still under way finds itself superseded. */
  end(): void {
    this.hasEnded = true;
  }

  private requireCurrent(record: JobRecord): void {
    const { job, attempt } = record;
    if (isTerminal(job.status)) throw new Superseded(`${this.jobId} is ${job.status}.`);
    if (attempt !== this.number) throw new Superseded(`Attempt ${attempt} of ${this.jobId} has taken over.`);
    if (this.hasEnded) throw new Superseded(`Attempt ${attempt} of ${this.jobId} has ended.`);
  }
}

/** The claim in the list that track keeps too, from what Batch says: what stands there already is Batch's and stays. */
function withClaim(known: Job['attempts'], number: number, { capacity, instanceType, now }: Claimant): Job['attempts'] {
  return Array.from({ length: Math.max(known.length, number) }, (_, i) => {
    const attempt = known[i] ?? {
      number: i + 1,
      started_at: null,
      stopped_at: null,
      reason: null,
      capacity: null,
      instance_type: null,
    };
    if (i !== number - 1) return attempt;
    const started_at = attempt.started_at ?? now.toISOString();
    return { ...attempt, started_at, capacity, instance_type: instanceType };
  });
}
