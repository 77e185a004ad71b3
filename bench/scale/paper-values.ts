/**
 * Every number that the load model takes from outside, with where it is from. `published`: stands in documentation. `measured`: by
 * us, on this code. `remembered`: known to whoever wrote it down, not looked up. `assumed`: a guess that somebody with an account
 * should replace by what they see. All of 24 November 2026 unless the source says otherwise.
 */
export interface PaperValue {
  readonly value: number;
  readonly unit: string;
  readonly kind: 'published' | 'measured' | 'remembered' | 'assumed';
  readonly source: string;
}

export const PAPER_VALUES = {
  // What one job is: Wan 2.1 1.3B at 832 x 480, 81 frames, 50 steps, three references, on an L40S (g6e).
  work_seconds: {
    value: 490,
    unit: 's',
    kind: 'assumed',
    source:
      'docs/cost.md: 261 s published for an RTX 4090, taken as the same for an L40S, times 1.5 for the third branch, times 1.25',
  },
  work_deviation: {
    value: 0.1,
    unit: 'of the mean',
    kind: 'assumed',
    source: 'one size of video; users differ little',
  },
  load_seconds: {
    value: 50,
    unit: 's',
    kind: 'assumed',
    source: 'starting the container, reading 15 GB of weights from local disk and packing them; once an attempt',
  },
  weights_seconds: { value: 30, unit: 's', kind: 'assumed', source: '15 GB from S3 at 0.5 GB/s, once an instance' },
  progress_changes: {
    value: 55,
    unit: 'a job',
    kind: 'measured',
    source: 'gpu-worker/progress-writer.ts: one a step of over 2 s, five while decoding',
  },
  other_changes: {
    value: 8,
    unit: 'a job',
    kind: 'measured',
    source: 'clients/job-ledger.ts: created, submitted, starting, running, claimed, processing, succeeded, stopped',
  },
  webhooks: {
    value: 57,
    unit: 'a job',
    kind: 'measured',
    source: 'started, one a progress, succeeded; 2 without progress in webhook_events_filter',
  },
  batch_events: {
    value: 5,
    unit: 'a job',
    kind: 'published',
    source: 'AWS Batch user guide: RUNNABLE, STARTING, RUNNING and the end, SUBMITTED at times',
  },

  // Stages. Batches of messages are worked on side by side.
  event_seconds: {
    value: 1,
    unit: 's',
    kind: 'remembered',
    source: 'S3 to EventBridge to SQS to Lambda; documentation says "seconds"',
  },
  validate_seconds: {
    value: 1.5,
    unit: 's',
    kind: 'assumed',
    source: 'four photos of 12 megapixels fetched and decoded on 1.2 vCPU',
  },
  submit_seconds: {
    value: 0.6,
    unit: 's',
    kind: 'assumed',
    source: 'SubmitJob 0.2 s and about 15 requests to DynamoDB, S3 and SQS',
  },
  track_seconds: { value: 0.3, unit: 's', kind: 'assumed', source: 'about 9 requests to DynamoDB, S3 and SQS' },
  notify_seconds: {
    value: 0.6,
    unit: 's',
    kind: 'assumed',
    source: 'a receiver that answers in 0.4 s; one that hangs takes 15 s',
  },
  handler_cpu_seconds: {
    value: 0.012,
    unit: 's a message',
    kind: 'measured',
    source: 'docs/orchestration.md: 33 ms a job for all stages together on a Xeon core',
  },
  handler_cores: {
    value: 0.29,
    unit: 'vCPU',
    kind: 'published',
    source: 'Lambda documentation: a vCPU for 1,769 MB; submit, track and notify have 512 MB',
  },
  reconcile_job_seconds: {
    value: 0.0025,
    unit: 's an open job',
    kind: 'assumed',
    source: 'page of the index, one GetItem (16 at once), a hundredth of DescribeJobs, parsing',
  },
  objects_a_set: { value: 5, unit: 'objects', kind: 'assumed', source: 'four photos and job.json' },

  // DynamoDB
  record_kib_with_event: {
    value: 5,
    unit: 'KiB',
    kind: 'measured',
    source: 'a processing record with its unsent event, four images, a prompt of 300 characters',
  },
  record_kib: { value: 3, unit: 'KiB', kind: 'measured', source: 'the same when its event is sent' },
  indexes_of_a_job: {
    value: 4,
    unit: 'indexes',
    kind: 'measured',
    source: 'contract/table.ts: by_tenant, by_set, by_unsettled, by_month; each projects everything',
  },
  index_key_writes: {
    value: 1000,
    unit: 'write units a second',
    kind: 'published',
    source: 'DynamoDB: "1,000 write units per second" for a partition, and so for one value of an index key',
  },
  table_writes: {
    value: 40_000,
    unit: 'write units a second',
    kind: 'published',
    source: 'DynamoDB default quota of an on-demand table; can be raised',
  },

  // AWS Batch and EC2
  submit_tps: {
    value: 50,
    unit: 'a second',
    kind: 'published',
    source: 'AWS Batch service quotas: SubmitJob for an account, cannot be changed',
  },
  dispatch_rate: { value: 20, unit: 'jobs a second', kind: 'assumed', source: 'AWS publishes none for one queue' },
  scale_up_seconds: {
    value: 60,
    unit: 's',
    kind: 'assumed',
    source: 'from RUNNABLE to a request for an instance; user reports of one to several minutes',
  },
  boot_seconds: {
    value: 150,
    unit: 's',
    kind: 'assumed',
    source: 'GPU image of ECS on AL2023, until the agent is registered',
  },
  image_pull_seconds: {
    value: 90,
    unit: 's',
    kind: 'assumed',
    source: 'about 4 GB with CUDA libraries, from ECR in the region',
  },
  scale_down_seconds: {
    value: 120,
    unit: 's',
    kind: 'assumed',
    source: 'Batch ends idle instances after a while; keep_warm_minutes adds to it',
  },
  launch_rate: {
    value: 2,
    unit: 'instances a second',
    kind: 'remembered',
    source: 'EC2 RunInstances: resource token refill rate',
  },
  launch_burst: {
    value: 1000,
    unit: 'instances',
    kind: 'remembered',
    source: 'EC2 RunInstances: resource token bucket',
  },
  spot_losses: {
    value: 0.02,
    unit: 'an instance hour',
    kind: 'assumed',
    source: 'Spot advisor shows over 20 % a month for g5, g6 and g6e (2025); young instances are lost more often',
  },
  checkpoint_seconds: {
    value: 60,
    unit: 's',
    kind: 'published',
    source: 'gpu-worker/worker.ts, where a host vanishes without a word; a notice saves the last step',
  },
  lambda_concurrency: {
    value: 1000,
    unit: 'calls',
    kind: 'published',
    source: 'Lambda default for an account; a new account may start with 10',
  },

  // Days
  peak_to_mean: {
    value: 1.8,
    unit: 'times',
    kind: 'assumed',
    source: 'one region of the world: busiest at 14:00, a ninth of that at 02:00',
  },
} as const satisfies Record<string, PaperValue>;

export type PaperName = keyof typeof PAPER_VALUES;

/** The bare numbers. */
export const PAPER = Object.fromEntries(
  Object.entries(PAPER_VALUES).map(([name, { value }]) => [name, value]),
) as Readonly<Record<PaperName, number>>;
