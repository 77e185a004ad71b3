/** The SDK's clients of one deployment, each made when it is first needed: a stage uses two or three of them. */
import { BatchClient } from '@aws-sdk/client-batch';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { type AwsPlace, clientSettings, madeWhenNeeded } from './client-settings';

export interface AwsClients {
  readonly s3: () => S3Client;
  readonly sqs: () => SQSClient;
  readonly dynamodb: () => DynamoDBDocumentClient;
  readonly batch: () => BatchClient;
  readonly secretsManager: () => SecretsManagerClient;
  /** Closes the connections of those that were made. */
  destroy(): void;
}

export function awsClients(place: AwsPlace): AwsClients {
  const { lazily, destroy } = madeWhenNeeded();
  const { s3, sqs, dynamodb } = place.endpoints ?? {};
  return {
    s3: lazily(() => {
      const own = clientSettings(place, s3);
      // An emulator has no DNS names for buckets.
      return new S3Client({ ...own, forcePathStyle: own.endpoint !== undefined });
    }),
    sqs: lazily(() => new SQSClient(clientSettings(place, sqs))),
    dynamodb: lazily(() => DynamoDBDocumentClient.from(new DynamoDBClient(clientSettings(place, dynamodb)))),
    batch: lazily(() => new BatchClient(clientSettings(place))),
    secretsManager: lazily(() => new SecretsManagerClient(clientSettings(place))),
    destroy,
  };
}
