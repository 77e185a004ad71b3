/**
 * A kind of record in the one DynamoDB table (contract/table.ts says what the table looks like).
 *
 * The record stands in the item as its JSON text and not as attributes: metadata is free JSON, and DynamoDB refuses numbers beyond
 * 1e126, 38 digits, 32 levels and a lone surrogate, all of which are JSON.
 */
import { createHash, randomUUID } from 'node:crypto';
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import {
  DeleteCommand,
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  type PutCommandInput,
  QueryCommand,
} from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { TABLE_KEY, TABLE_SORT_KEY, TABLE_TTL_ATTRIBUTE } from '../../contract/table';
import type { Page, PageOptions, RecordTable, TableDefinition, TableRecord } from '../record-table';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;
/** DynamoDB: 2,048 bytes for a partition key, 1,024 for a sort key. An address may be longer. */
const MAX_PLAIN_ID_BYTES = 512;

const ItemSchema = z.looseObject({ record: z.string() });
const CursorSchema = z.strictObject({ [TABLE_KEY]: z.string(), [TABLE_SORT_KEY]: z.string() });
type Cursor = z.output<typeof CursorSchema>;

export class DynamoRecordTable<R extends TableRecord> implements RecordTable<R> {
  /** @param client is asked for when it is first needed. */
  constructor(
    private readonly client: () => DynamoDBDocumentClient,
    private readonly tableName: string,
    private readonly definition: TableDefinition<R>,
  ) {}

  async insert(record: R): Promise<boolean> {
    return this.put(record, 'attribute_not_exists(#key)', { '#key': TABLE_KEY });
  }

  async get(id: string): Promise<R | null> {
    const command = new GetCommand({
      TableName: this.tableName,
      Key: { [TABLE_KEY]: this.key(id) },
      ConsistentRead: true,
    });
    const { Item } = await this.client().send(command);
    return Item ? this.read(Item) : null;
  }

  async replace(record: R): Promise<R | null> {
    const next = { ...record, version: record.version + 1 };
    const isStored = await this.put(next, '#version = :read', { '#version': 'version' }, { ':read': record.version });
    return isStored ? next : null;
  }

  async delete(id: string): Promise<void> {
    await this.client().send(new DeleteCommand({ TableName: this.tableName, Key: { [TABLE_KEY]: this.key(id) } }));
  }

  async query(index: string, value: string, options: PageOptions = {}): Promise<Page<R>> {
    if (!(index in this.definition.indexes)) {
      throw new Error(`index must be one of ${Object.keys(this.definition.indexes).join(', ')}, got ${index}.`);
    }
    const limit = requireLimit(options.limit ?? DEFAULT_LIMIT);
    const indexValue = this.indexValue(value);
    const start = options.cursor === undefined ? undefined : { ...parseCursor(options.cursor), [index]: indexValue };
    // One more than asked for says whether there is a next page; DynamoDB itself stops after 1 MB.
    const items = await this.queryItems(index, indexValue, options.order ?? 'newest', limit + 1, start);
    const page = items.slice(0, limit);
    const last = page.at(-1);
    return {
      records: page.map((item) => this.read(item)),
      next: items.length > limit && last ? formatCursor(last) : null,
    };
  }

  /** @returns whether the record was stored; false when the condition did not hold. */
  private async put(
    record: R,
    condition: string,
    names: Record<string, string>,
    values?: PutCommandInput['ExpressionAttributeValues'],
  ): Promise<boolean> {
    const writeId = randomUUID();
    try {
      await this.client().send(
        new PutCommand({
          TableName: this.tableName,
          Item: this.item(record, writeId),
          ConditionExpression: condition,
          ExpressionAttributeNames: names,
          ExpressionAttributeValues: values,
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }),
      );
      return true;
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      // When the answer to a write is lost, the SDK repeats it, and the repeat meets our own record.
      return error.Item?.write_id?.S === writeId;
    }
  }

  private async queryItems(
    index: string,
    value: string,
    order: 'newest' | 'oldest',
    count: number,
    start: Record<string, string> | undefined,
  ): Promise<Record<string, unknown>[]> {
    const items: Record<string, unknown>[] = [];
    let from: Record<string, unknown> | undefined = start;
    do {
      const { Items, LastEvaluatedKey } = await this.client().send(
        new QueryCommand({
          TableName: this.tableName,
          IndexName: index,
          KeyConditionExpression: '#index = :value',
          ExpressionAttributeNames: { '#index': index },
          ExpressionAttributeValues: { ':value': value },
          ScanIndexForward: order === 'oldest',
          Limit: count - items.length,
          ExclusiveStartKey: from,
        }),
      );
      items.push(...(Items ?? []));
      from = LastEvaluatedKey;
    } while (from && items.length < count);
    return items;
  }

  private item(record: R, writeId: string): Record<string, unknown> {
    const { indexes, sortKey, expiresAt } = this.definition;
    const indexed = Object.entries(indexes).flatMap(([name, select]) => {
      const value = select(record);
      return value === null ? [] : [[name, this.indexValue(value)] as const];
    });
    const expiry = expiresAt(record);
    return {
      [TABLE_KEY]: this.key(record.id),
      [TABLE_SORT_KEY]: `${sortKey(record)}#${keyId(record.id)}`,
      ...Object.fromEntries(indexed),
      ...(expiry ? { [TABLE_TTL_ATTRIBUTE]: Math.ceil(expiry.getTime() / 1000) } : {}),
      version: record.version,
      record: JSON.stringify(record),
      write_id: writeId,
    };
  }

  private read(item: Record<string, unknown>): R {
    return this.definition.parse(JSON.parse(ItemSchema.parse(item).record));
  }

  private key(id: string): string {
    return `${this.definition.kind}#${keyId(id)}`;
  }

  /** Kinds share the indexes too. */
  private indexValue(value: string): string {
    return `${this.definition.kind}#${value}`;
  }
}

/** A long id stands as its hash; the record itself has it in full. */
function keyId(id: string): string {
  if (Buffer.byteLength(id) <= MAX_PLAIN_ID_BYTES) return id;
  return `sha256:${createHash('sha256').update(id).digest('hex')}`;
}

function requireLimit(limit: number): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw new Error(`limit must be a whole number from 1 to ${MAX_LIMIT}, got ${limit}.`);
}

function formatCursor(item: Record<string, unknown>): string {
  const cursor: Cursor = CursorSchema.parse({ [TABLE_KEY]: item[TABLE_KEY], [TABLE_SORT_KEY]: item[TABLE_SORT_KEY] });
  return Buffer.from(JSON.stringify(cursor)).toString('base64url');
}

function parseCursor(text: string): Cursor {
  try {
    return CursorSchema.parse(JSON.parse(Buffer.from(text, 'base64url').toString()));
  } catch {
    throw new Error('cursor must be the `next` of an earlier page, got something else.');
  }
}
