/**
 * The service on one machine: the stages of the flow that run as Lambdas in AWS, wired to the home's folders, queues and Batch.
 *
 *   uploads folder -> watcher -> intake -> validate -> jobs -> submit -> scheduler -> worker process
 *                                                        scheduler -> batch_events -> track
 *                                          every change of a job -> webhooks -> notify
 *   reconcile, now and then, finds what an event lost
 */
import type { SQSEvent } from 'aws-lambda';
import { JobLedger } from '../clients/job-ledger';
import { localHome } from '../clients/local/home';
import { type LocalPorts, openLocalPorts } from '../clients/local/local-ports';
import { UploadMarks } from '../clients/local/upload-marks';
import { QUEUE_NAMES, type QueueName } from '../contract/deployment';
import { expire } from '../lambdas/expire';
import { notify } from '../lambdas/notify';
import { reconcile } from '../lambdas/reconcile';
import { sqsHandler } from '../lambdas/sqs-handler';
import type { Log, Stage, StageContext } from '../lambdas/stage';
import { submit } from '../lambdas/submit';
import { sweepErasures } from '../lambdas/sweep-erasures';
import { track } from '../lambdas/track';
import { validate } from '../lambdas/validate';
import { BatchScheduler } from './batch-scheduler';
import { copyBundledModels } from './bundled-models';
import { QueuePump } from './queue-pump';
import { repeat } from './repeated';
import type { Runner } from './runner';
import { requireUnserved, takeHome } from './serve-lock';
import { startStatusPage } from './status-page/server';
import { UploadWatcher } from './upload-watcher';
import { WorkerProcesses } from './worker-process';

export interface DeploymentOptions {
  /** Folder of the deployment; made when it is not there. */
  readonly home: string;
  /** Workers at the same time; 1 unless given: one GPU. */
  readonly slots?: number;
  /** What workers run on: cpu, cuda or webgpu; cpu unless given. */
  readonly provider?: string;
  /** Threads of an operator in a worker; the runtime decides unless given. */
  readonly threads?: number;
  /** How long results are kept whose job.json has no retention_days; for ever unless given. */
  readonly retentionDays?: number;
  /** What starts workers; processes unless given. */
  readonly runner?: (ports: LocalPorts) => Runner;
  /** Folder with model directories that are copied into the models bucket where they are missing. */
  readonly bundledModels?: string;
  /** Of the status page. */
  readonly page?: { readonly host?: string; readonly port?: number; readonly hostNames?: readonly string[] };
  /** 300 unless given. */
  readonly reconcileEverySeconds?: number;
  /** Stages in place of the real ones. */
  readonly stages?: Partial<Record<QueueName, Stage>>;
  /** Lines on stderr unless given. */
  readonly log?: Log;
  readonly now?: () => Date;
}

export interface RunningDeployment {
  readonly ports: LocalPorts;
  readonly scheduler: BatchScheduler;
  /** Of the status page, without a slash at the end. */
  readonly url: string;
  /** Lets workers save their progress and handlers end; what is left waits in the store for the next start. */
  stop(): Promise<void>;
}

const STAGES: Record<QueueName, { readonly name: string; readonly stage: Stage; readonly concurrency: number }> = {
  // Decoding images is what takes long: more at a time would not be faster.
  intake: { name: 'validate', stage: validate, concurrency: 4 },
  jobs: { name: 'submit', stage: submit, concurrency: 8 },
  batch_events: { name: 'track', stage: track, concurrency: 8 },
  // A receiver may take 15 s to answer.
  webhooks: { name: 'notify', stage: notify, concurrency: 16 },
};
const DEFAULT_RECONCILE_SECONDS = 300;

/**
 * Starts the service and goes on with whatever an earlier one left.
 * @throws HomeIsServed when another process serves this home; the listener's error when the page's port is taken.
 */
export async function startDeployment(options: DeploymentOptions): Promise<RunningDeployment> {
  const { now = () => new Date(), log = STDERR_LOG } = options;
  requireUnserved(localHome(options.home));
  const ports = await openLocalPorts({ type: 'local', home: options.home }, { now });
  // In this order they are stopped when the start fails half-way, or by `stop`.
  const running: (() => Promise<void> | void)[] = [() => ports.close()];
  const stop = async () => {
    for (const end of running.splice(0).reverse()) await end();
  };
  try {
    const page = await startStatusPage({ ports, now, ...options.page });
    running.push(() => page.close());
    running.push(await takeHome(ports.home, ports.store, page.url));
    if (options.bundledModels) await copyBundledModels(options.bundledModels, ports.home.bucket('models'));
    const scheduler = await startFlow(ports, { ...options, now, log }, running);
    return { ports, scheduler, url: page.url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startFlow(
  ports: LocalPorts,
  options: DeploymentOptions & { now: () => Date; log: Log },
  running: (() => Promise<void> | void)[],
): Promise<BatchScheduler> {
  const { now, log, slots = 1, provider = 'cpu', threads, retentionDays } = options;
  const { home, store, queues, batchStore } = ports;
  const context: StageContext = {
    ports,
    ledger: new JobLedger(ports, now),
    log,
    now,
    random: Math.random,
    isLocal: true,
    ...(retentionDays !== undefined && { retentionDays }),
  };

  const pumps = QUEUE_NAMES.map((name) => startPump(name, options.stages?.[name], context));
  running.push(async () => {
    await Promise.all(pumps.map((pump) => pump.stop()));
  });
  const scheduler = new BatchScheduler({
    store: batchStore,
    events: queues.batch_events,
    runner:
      options.runner?.(ports) ?? new WorkerProcesses({ home, provider, ...(threads !== undefined && { threads }) }),
    slots,
    now,
    onError: (error) => log.error('Batch is in trouble.', { error: String(error) }),
  });
  await scheduler.start();
  running.push(() => scheduler.stop());

  const watcher = new UploadWatcher({
    folder: home.bucket('uploads'),
    marks: new UploadMarks(store),
    queue: queues.intake,
    now,
    onError: (error) => log.error('The uploads folder is not read.', { error: String(error) }),
  });
  running.push(() => watcher.stop());
  await watcher.start();

  const { reconcileEverySeconds = DEFAULT_RECONCILE_SECONDS } = options;
  const lookForLost = async () => {
    await watcher.sync();
    await reconcile(context);
    await expire(context);
    await sweepErasures(context);
    await ports.forgetExpired();
  };
  const reconciling = repeat(lookForLost, reconcileEverySeconds * 1000, (error) =>
    log.error('Not reconciled.', { error: String(error) }),
  );
  running.push(() => reconciling.stop());
  return scheduler;
}

function startPump(name: QueueName, stage: Stage | undefined, context: StageContext): QueuePump {
  const { name: stageName, stage: realStage, concurrency } = STAGES[name];
  const handler = sqsHandler(stageName, stage ?? realStage, name, async () => context);
  const pump = new QueuePump({
    name,
    queue: context.ports.queues[name],
    handler: (event: SQSEvent) => handler(event),
    batchSize: 1,
    concurrency,
    onError: (error) => context.log.error('A queue is in trouble.', { queue: name, error: String(error) }),
  });
  pump.start();
  return pump;
}

const STDERR_LOG: Log = {
  info: (message, about) => write('info', message, about),
  warn: (message, about) => write('warn', message, about),
  error: (message, about) => write('error', message, about),
};

function write(level: string, message: string, about: Record<string, unknown> = {}): void {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...about })}\n`);
}
