/**
 * AWS Batch, played by the local one, as a process of its own: it answers the calls that the functions in the emulator make, runs the
 * real worker for each job, and puts the events that Batch would send on the emulator's bus.
 *
 *   tsx played-batch.ts <port> <home> <JSON of the deployment>
 */
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { z } from 'zod';
import { openLocalPorts } from '../../clients/local/local-ports';
import { parseDeployment } from '../../contract/deployment';
import { JOB_ID } from '../../contract/env';
import { BatchEventSchema } from '../../contract/events';
import { JobIdSchema } from '../../contract/job';
import { BatchScheduler } from '../../local/batch-scheduler';
import { WorkerProcesses } from '../../local/worker-process';

/** What clients/aws/aws-batch.ts sends. */
const SubmitSchema = z.strictObject({
  jobName: JobIdSchema,
  jobQueue: z.string(),
  jobDefinition: z.string(),
  shareIdentifier: z.string().regex(/^[a-zA-Z0-9]{1,255}$/),
  schedulingPriorityOverride: z.int().min(0).max(9999),
  timeout: z.strictObject({ attemptDurationSeconds: z.int().min(60) }),
  containerOverrides: z.strictObject({
    environment: z.tuple([z.strictObject({ name: z.literal(JOB_ID), value: JobIdSchema })]),
  }),
});
const DescribeSchema = z.strictObject({ jobs: z.array(z.string()).max(100) });
const TerminateSchema = z.strictObject({ jobId: z.string(), reason: z.string() });

async function main([port, homeFolder, deploymentJson]: readonly string[]): Promise<void> {
  const deployment = parseDeployment(JSON.parse(deploymentJson!), 'the deployment');
  if (deployment.type !== 'aws') throw new Error(`The deployment must be of type aws, got ${deployment.type}.`);
  const { region } = deployment;
  const jobQueue = `arn:aws:batch:${region}:000000000000:job-queue/${deployment.batch.job_queue}`;
  const { home, batchStore, batch } = await openLocalPorts({ type: 'local', home: homeFolder! });
  const scheduler = new BatchScheduler({
    store: batchStore,
    events: { send: (messages) => putOnBus(messages, jobQueue) },
    runner: new WorkerProcesses({ home, provider: 'cpu', deployment }),
    slots: 1,
    onError: (error) => process.stderr.write(`${error}\n`),
  });
  await scheduler.start();

  const app = new Hono();
  app.post('/v1/submitjob', async (context) => {
    const { jobName, shareIdentifier, schedulingPriorityOverride, timeout } = SubmitSchema.parse(
      await context.req.json(),
    );
    const submission = { shareIdentifier, priority: schedulingPriorityOverride };
    const timeoutSeconds = timeout.attemptDurationSeconds;
    const jobId = await batch.submit({ jobId: jobName, ...submission, timeoutSeconds });
    return context.json({ jobId, jobName, jobArn: `arn:aws:batch:${region}:000000000000:job/${jobId}` });
  });
  app.post('/v1/describejobs', async (context) => {
    const { jobs } = DescribeSchema.parse(await context.req.json());
    return context.json({ jobs: [...(await batch.describe(jobs)).values()] });
  });
  app.post('/v1/terminatejob', async (context) => {
    const { jobId, reason } = TerminateSchema.parse(await context.req.json());
    await batch.terminate(jobId, reason);
    return context.json({});
  });
  serve({ fetch: app.fetch, hostname: '127.0.0.1', port: Number(port) }, () => process.stdout.write('ready\n'));
}

const bus = new EventBridgeClient({});

/** On AWS, Batch itself does this. */
async function putOnBus(messages: readonly { readonly body: string }[], jobQueue: string): Promise<void> {
  for (const { body } of messages) {
    const { source, detail, 'detail-type': DetailType } = BatchEventSchema.parse(JSON.parse(body));
    const entry = { Source: source, DetailType, Detail: JSON.stringify({ ...detail, jobQueue }) };
    const { Entries } = await bus.send(new PutEventsCommand({ Entries: [entry] }));
    const refusal = Entries?.find(({ ErrorCode }) => ErrorCode !== undefined);
    if (refusal) throw new Error(`The bus must take an event of Batch, got ${refusal.ErrorMessage}.`);
  }
}

void main(process.argv.slice(2));
