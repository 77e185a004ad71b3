/** The SDK's clients of one deployment, each made when it is first needed: a stage uses two or three of them. */
import { BatchClient } from '@aws-sdk/client-batch';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { AwsDeployment } from '../../contract/deployment';

export interface AwsClients {
  readonly s3: () => S3Client;
  readonly sqs: () => SQSClient;
  readonly dynamodb: () => DynamoDBDocumentClient;
  readonly batch: () => BatchClient;
  readonly secretsManager: () => SecretsManagerClient;
  /** Closes the connections of those that were made. */
  destroy(): void;
}

/** Tries of a request, with the SDK's own backoff in between. */
const MAX_ATTEMPTS = 5;
const CONNECTION_TIMEOUT_MS = 5_000;
/** Without a byte. A long poll of SQS is silent for up to 20 s. */
const SOCKET_TIMEOUT_MS = 60_000;
const SILENCE_NODE_WARNING = 'AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED';

/** Credentials come from the SDK's default chain: environment, profile, or the role of the Lambda or container. */
export function awsClients(deployment: AwsDeployment): AwsClients {
  // The SDK announces on every start which Node it will need next year; the versions here are pinned.
  process.env[SILENCE_NODE_WARNING] ??= 'true';

  const made: { destroy(): void }[] = [];
  function lazily<C extends { destroy(): void }>(make: () => C): () => C {
    let client: C | undefined;
    return () => {
      if (!client) {
        client = make();
        made.push(client);
      }
      return client;
    };
  }

  const settings = (endpoint = deployment.endpoint) => ({
    region: deployment.region,
    endpoint,
    maxAttempts: MAX_ATTEMPTS,
    requestHandler: { connectionTimeout: CONNECTION_TIMEOUT_MS, socketTimeout: SOCKET_TIMEOUT_MS },
  });
  const { s3, sqs, dynamodb } = deployment.endpoints ?? {};

  return {
    s3: lazily(() => {
      const own = settings(s3);
      // An emulator has no DNS names for buckets.
      return new S3Client({ ...own, forcePathStyle: own.endpoint !== undefined });
    }),
    sqs: lazily(() => new SQSClient(settings(sqs))),
    dynamodb: lazily(() => DynamoDBDocumentClient.from(new DynamoDBClient(settings(dynamodb)))),
    batch: lazily(() => new BatchClient(settings())),
    secretsManager: lazily(() => new SecretsManagerClient(settings())),
    destroy: () => {
      for (const client of made.splice(0)) client.destroy();
    },
  };
}
