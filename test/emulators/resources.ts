/** Creates in an emulator what the stack creates in AWS: buckets, queues with dead letters, the table, the secret. */
import { CreateTableCommand, DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { CreateSecretCommand } from '@aws-sdk/client-secrets-manager';
import { CreateQueueCommand, GetQueueAttributesCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { AwsClients } from '../../clients/aws/aws-clients';
import { TABLE_INDEXES, TABLE_KEY, TABLE_SORT_KEY } from '../../contract/table';

export async function createBucket(clients: AwsClients, name: string): Promise<void> {
  await clients.s3().send(new CreateBucketCommand({ Bucket: name }));
}

/** @param maxReceiveCount deliveries after which a message becomes a dead letter. */
export async function createQueue(
  clients: AwsClients,
  name: string,
  maxReceiveCount: number,
): Promise<{ url: string; dead_letter_url: string }> {
  const sqs = clients.sqs();
  const deadLetterUrl = await createPlainQueue(sqs, `${name}-dead`, {});
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: deadLetterUrl, AttributeNames: ['QueueArn'] }),
  );
  const url = await createPlainQueue(sqs, name, {
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn: Attributes?.QueueArn, maxReceiveCount }),
  });
  return { url, dead_letter_url: deadLetterUrl };
}

/** Ready for use. @param indexes those of the table unless a test has its own. */
export async function createTable(
  clients: AwsClients,
  name: string,
  indexes: readonly string[] = TABLE_INDEXES,
): Promise<void> {
  await clients.dynamodb().send(
    new CreateTableCommand({
      TableName: name,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [TABLE_KEY, TABLE_SORT_KEY, ...indexes].map((AttributeName) => ({
        AttributeName,
        AttributeType: 'S',
      })),
      KeySchema: [{ AttributeName: TABLE_KEY, KeyType: 'HASH' }],
      GlobalSecondaryIndexes: indexes.map((index) => ({
        IndexName: index,
        KeySchema: [
          { AttributeName: index, KeyType: 'HASH' },
          { AttributeName: TABLE_SORT_KEY, KeyType: 'RANGE' },
        ],
        Projection: { ProjectionType: 'ALL' },
      })),
    }),
  );
  const describe = new DescribeTableCommand({ TableName: name });
  while ((await clients.dynamodb().send(describe)).Table?.TableStatus !== 'ACTIVE');
}

/** As the stack makes it: empty. */
export async function createSecret(clients: AwsClients, name: string): Promise<void> {
  const command = new CreateSecretCommand({ Name: name, SecretString: '{"secrets":[]}' });
  await clients.secretsManager().send(command);
}

async function createPlainQueue(sqs: SQSClient, name: string, attributes: Record<string, string>): Promise<string> {
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
  if (QueueUrl === undefined) throw new Error(`${name} must get a queue URL, got none.`);
  return QueueUrl;
}
