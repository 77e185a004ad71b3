/** Workers that do nothing but move their job as real ones do: claim it, process it, succeed. */
import type { JobLedger } from '../../clients/job-ledger';
import type { LocalBatchJob } from '../../clients/local/batch-store';
import { type Job, JobIdSchema } from '../../contract/job';
import { WORKER_DONE } from '../../contract/worker-exit';
import type { Runner, RunningWorker, WorkerExit } from '../../local/runner';

const INPUT: Job['input'] = {
  prompt: 'nothing',
  negative_prompt: '',
  seed: 0,
  width: 64,
  height: 64,
  num_frames: 1,
  fps: 8,
  steps: 1,
  guidance: { text: 1, image: 1 },
  num_outputs: 1,
};

export class IdleRunner implements Runner {
  constructor(
    private readonly ledger: JobLedger,
    private readonly onStart: (job: LocalBatchJob) => void = () => {},
  ) {}

  start(job: LocalBatchJob): RunningWorker {
    this.onStart(job);
    return { exited: this.run(job), kill: () => {} };
  }

  async findOrphans(): Promise<ReadonlyMap<string, RunningWorker>> {
    return new Map();
  }

  private async run({ id, name }: LocalBatchJob): Promise<WorkerExit> {
    const jobId = JobIdSchema.parse(name);
    await this.ledger.change(jobId, ({ attempt }) => ({ record: { batch_job_id: id, attempt: attempt + 1 } }));
    await this.ledger.change(jobId, () => ({ status: 'processing', job: { input: INPUT } }));
    await this.ledger.change(jobId, () => ({ status: 'succeeded' }));
    return { code: WORKER_DONE, signal: null };
  }
}
