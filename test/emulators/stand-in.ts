/**
 * Our own small server in place of AWS Batch and Secrets Manager, which no npm emulator has. It answers the few calls that the
 * clients make, in AWS's shapes as we know them, so that whole flows run; it proves nothing about AWS. Batch jobs stay SUBMITTED:
 * a test moves them on.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { z } from 'zod';
import type { BatchJob } from '../../contract/events';

/** As DescribeJobs tells it, with what it was submitted with. */
export type StandInBatchJob = BatchJob & { readonly submission: z.output<typeof SubmitSchema> };

export interface StandIn {
  readonly endpoint: string;
  /** By id. */
  readonly batchJobs: Map<string, StandInBatchJob>;
  /** By name. */
  readonly secrets: Map<string, Secret>;
  stop(): Promise<void>;
}

interface Secret {
  current: string;
  /** Version id -> text. */
  readonly versions: Map<string, string>;
}

type Answer = readonly [status: number, body: object];

const SubmitSchema = z.looseObject({ jobName: z.string(), jobQueue: z.string(), jobDefinition: z.string() });
const DescribeSchema = z.looseObject({ jobs: z.array(z.string()) });
const TerminateSchema = z.looseObject({ jobId: z.string(), reason: z.string() });
const GetSecretSchema = z.looseObject({ SecretId: z.string() });
const CreateSecretSchema = z.looseObject({ Name: z.string(), SecretString: z.string() });
const PutSecretSchema = z.looseObject({
  SecretId: z.string(),
  SecretString: z.string(),
  ClientRequestToken: z.string().min(32).max(64),
});

export async function startStandIn(): Promise<StandIn> {
  const batchJobs: StandIn['batchJobs'] = new Map();
  const secrets: StandIn['secrets'] = new Map();
  const calls: Record<string, (body: unknown) => Answer> = {
    '/v1/submitjob': (body) => submitJob(batchJobs, SubmitSchema.parse(body)),
    '/v1/describejobs': (body) => describeJobs(batchJobs, DescribeSchema.parse(body)),
    '/v1/terminatejob': (body) => terminateJob(batchJobs, TerminateSchema.parse(body)),
    'secretsmanager.CreateSecret': (body) => createSecret(secrets, CreateSecretSchema.parse(body)),
    'secretsmanager.GetSecretValue': (body) => getSecretValue(secrets, GetSecretSchema.parse(body)),
    'secretsmanager.PutSecretValue': (body) => putSecretValue(secrets, PutSecretSchema.parse(body)),
  };
  const server = createServer(async (request, response) => {
    const name = String(request.headers['x-amz-target'] ?? request.url);
    const call = calls[name];
    // Anything else must fail: an answer of 200 to a call that does nothing would look like a success.
    const answer = call
      ? call(await json(request))
      : error('UnknownOperationException', `${name} is not answered here.`);
    respond(request, response, answer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    batchJobs,
    secrets,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function submitJob(jobs: StandIn['batchJobs'], submission: z.output<typeof SubmitSchema>): Answer {
  const jobId = randomUUID();
  const { jobName } = submission;
  jobs.set(jobId, { jobId, jobName, status: 'SUBMITTED', createdAt: Date.now(), attempts: [], submission });
  return [200, { jobId, jobName, jobArn: `arn:aws:batch:eu-central-1:000000000000:job/${jobId}` }];
}

function describeJobs(jobs: StandIn['batchJobs'], { jobs: ids }: z.output<typeof DescribeSchema>): Answer {
  return [200, { jobs: ids.flatMap((id) => jobs.get(id) ?? []) }];
}

function terminateJob(jobs: StandIn['batchJobs'], { jobId, reason }: z.output<typeof TerminateSchema>): Answer {
  const job = jobs.get(jobId);
  if (!job) return error('ClientException', `Job ${jobId} not found.`);
  if (job.status !== 'SUCCEEDED' && job.status !== 'FAILED') {
    jobs.set(jobId, { ...job, status: 'FAILED', statusReason: reason, stoppedAt: Date.now() });
  }
  return [200, {}];
}

function createSecret(
  secrets: StandIn['secrets'],
  { Name, SecretString }: z.output<typeof CreateSecretSchema>,
): Answer {
  const VersionId = randomUUID();
  secrets.set(Name, { current: VersionId, versions: new Map([[VersionId, SecretString]]) });
  return [200, { Name, VersionId }];
}

function getSecretValue(secrets: StandIn['secrets'], { SecretId }: z.output<typeof GetSecretSchema>): Answer {
  const secret = secrets.get(SecretId);
  if (!secret) return error('ResourceNotFoundException', `${SecretId} does not exist.`);
  return [200, { Name: SecretId, VersionId: secret.current, SecretString: secret.versions.get(secret.current) }];
}

/** A version never changes: the same token with the same text is a repetition, with another text an error. */
function putSecretValue(secrets: StandIn['secrets'], body: z.output<typeof PutSecretSchema>): Answer {
  const { SecretId, SecretString, ClientRequestToken: VersionId } = body;
  const secret = secrets.get(SecretId);
  if (!secret) return error('ResourceNotFoundException', `${SecretId} does not exist.`);
  const existing = secret.versions.get(VersionId);
  if (existing !== undefined && existing !== SecretString) {
    return error('ResourceExistsException', `${VersionId} already exists.`);
  }
  secret.versions.set(VersionId, SecretString);
  secret.current = VersionId;
  return [200, { Name: SecretId, VersionId }];
}

function error(type: string, message: string): Answer {
  return [400, { __type: type, message }];
}

function respond(request: IncomingMessage, response: ServerResponse, [status, body]: Answer): void {
  const isTargeted = 'x-amz-target' in request.headers;
  response.statusCode = status;
  response.setHeader('content-type', isTargeted ? 'application/x-amz-json-1.1' : 'application/json');
  // REST services name the error in a header.
  if ('__type' in body) response.setHeader('x-amzn-errortype', String(body.__type));
  response.end(JSON.stringify(body));
}
