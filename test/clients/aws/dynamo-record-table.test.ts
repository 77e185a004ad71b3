import { ConditionalCheckFailedException, DynamoDBClient, InternalServerError } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { DynamoRecordTable } from '../../../clients/aws/dynamo-record-table';
import { ENDPOINT_TABLE } from '../../../clients/delivery-table';
import { useEmulatedCredentials } from '../../emulators/emulator';
import { openRecordTable } from '../../emulators/harnesses';
import { type NpmEmulators, startNpmEmulators } from '../../emulators/npm-emulators';
import { describeRecordTable } from '../record-table.contract';

let emulators: NpmEmulators;
beforeAll(async () => {
  emulators = await startNpmEmulators();
});
afterAll(() => emulators.stop());

describeRecordTable('npm emulators', () => openRecordTable(emulators));

describe('answers that no emulator gives', () => {
  useEmulatedCredentials();
  const client = DynamoDBDocumentClient.from(new DynamoDBClient({ region: 'eu-central-1' }));
  const mock = mockClient(client);
  const expiring = { ...ENDPOINT_TABLE, expiresAt: () => new Date('2026-11-23T12:00:00.500Z') };
  const table = new DynamoRecordTable(() => client, 'table', expiring);
  const record = { id: 'https://example.org/', version: 1, disabled_at: '2026-11-23T11:00:00.000Z', reason: 'gone' };
  beforeEach(() => {
    mock.reset();
  });

  test('an item has its key, its order, its time to live, and the record as JSON', async () => {
    mock.on(PutCommand).resolves({});
    await table.insert(record);
    expect(mock.commandCalls(PutCommand)[0]?.args[0].input).toMatchObject({
      TableName: 'table',
      Item: {
        pk: 'endpoint#https://example.org/',
        sort: '2026-11-23T11:00:00.000Z#https://example.org/',
        expires_at: Date.parse('2026-11-23T12:00:01.000Z') / 1000,
        version: 1,
        record: JSON.stringify(record),
      },
      ConditionExpression: 'attribute_not_exists(#key)',
    });
  });

  test('a write whose answer was lost knows its own record again', async () => {
    mock.on(PutCommand).callsFake(({ Item }) => {
      throw refusal(Item.write_id);
    });
    expect(await table.insert(record)).toBe(true);
    expect(await table.replace(record)).toEqual({ ...record, version: 2 });
  });

  test("another's record is none", async () => {
    mock.on(PutCommand).rejects(refusal('another'));
    expect(await table.insert(record)).toBe(false);
    expect(await table.replace(record)).toBeNull();
  });

  test('whatever else goes wrong is an error', async () => {
    mock.on(PutCommand).rejects(new InternalServerError({ message: 'broken', $metadata: {} }));
    await expect(table.insert(record)).rejects.toThrow('broken');
  });

  test('a cursor that is none is refused', async () => {
    const indexed = new DynamoRecordTable(() => client, 'table', { ...expiring, indexes: { by_reason: () => 'x' } });
    await expect(indexed.query('by_reason', 'x', { cursor: 'nonsense' })).rejects.toThrow('cursor must be');
    await expect(indexed.query('by_reason', 'x', { limit: 1001 })).rejects.toThrow('from 1 to 1000, got 1001.');
    expect(mock.calls()).toEqual([]);
  });

  test('a page that DynamoDB cut at its own limit of bytes is read on', async () => {
    const indexed = new DynamoRecordTable(() => client, 'table', { ...expiring, indexes: { by_reason: () => 'x' } });
    const item = (id: string) => ({ pk: `endpoint#${id}`, sort: id, record: JSON.stringify({ ...record, id }) });
    mock
      .on(QueryCommand)
      .resolvesOnce({ Items: [item('c')], LastEvaluatedKey: { pk: 'endpoint#c' } })
      .resolvesOnce({ Items: [item('b'), item('a')], LastEvaluatedKey: { pk: 'endpoint#a' } });
    const page = await indexed.query('by_reason', 'x', { limit: 2 });
    expect(page.records.map(({ id }) => id)).toEqual(['c', 'b']);
    expect(mock.commandCalls(QueryCommand)[1]?.args[0].input).toMatchObject({
      ExclusiveStartKey: { pk: 'endpoint#c' },
      Limit: 2,
    });
    mock.on(QueryCommand).resolves({ Items: [item('a')] });
    const last = await indexed.query('by_reason', 'x', { limit: 2, cursor: page.next ?? '' });
    expect([last.records.map(({ id }) => id), last.next]).toEqual([['a'], null]);
    expect(mock.commandCalls(QueryCommand)[2]?.args[0].input.ExclusiveStartKey).toEqual({
      pk: 'endpoint#b',
      sort: 'b',
      by_reason: 'endpoint#x',
    });
  });
});

function refusal(writeId: string): ConditionalCheckFailedException {
  return new ConditionalCheckFailedException({ message: 'refused', Item: { write_id: { S: writeId } }, $metadata: {} });
}
