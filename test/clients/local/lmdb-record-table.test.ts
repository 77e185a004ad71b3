import path from 'node:path';
import { LmdbRecordTable } from '../../../clients/local/lmdb-record-table';
import { LmdbStore } from '../../../clients/local/lmdb-store';
import type { TableDefinition, TableRecord } from '../../../clients/record-table';
import { describeRecordTable } from '../record-table.contract';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder';

describeRecordTable('LMDB', async () => {
  const { folder, remove } = temporaryFolder();
  const store = new LmdbStore(path.join(folder, 'store'));
  const otherStore = new LmdbStore(path.join(folder, 'store'));
  return {
    table: (definition) => new LmdbRecordTable(store, definition),
    other: (definition) => new LmdbRecordTable(otherStore, definition),
    close: async () => {
      await store.close();
      await otherStore.close();
      remove();
    },
  };
});

describe('LMDB record table', () => {
  interface Note extends TableRecord {
    readonly text: string;
  }
  const NOTES: TableDefinition<Note> = {
    kind: 'note',
    parse: (value) => value as Note,
    sortKey: ({ id }) => id,
    indexes: { by_text: ({ text }) => text },
    expiresAt: () => null,
  };
  let temporary: TemporaryFolder;
  let store: LmdbStore;

  beforeEach(() => {
    temporary = temporaryFolder();
    store = new LmdbStore(path.join(temporary.folder, 'a home with a .dot', 'store'));
  });
  afterEach(async () => {
    await store.close();
    temporary.remove();
  });

  test('a record leaves the place that an earlier definition of the index gave it', async () => {
    const before = new LmdbRecordTable(store, NOTES);
    await before.insert({ id: '1', version: 1, text: 'A' });
    const after = new LmdbRecordTable(store, { ...NOTES, indexes: { by_text: ({ text }) => text.toLowerCase() } });
    await after.replace({ id: '1', version: 1, text: 'A' });
    expect((await after.query('by_text', 'A')).records).toEqual([]);
    expect((await after.query('by_text', 'a')).records).toHaveLength(1);
  });

  test('records are forgotten when their time has come, and not before', async () => {
    const lasting: TableDefinition<Note> = {
      ...NOTES,
      expiresAt: ({ text }) => (text === 'for ever' ? null : new Date(text)),
    };
    const table = new LmdbRecordTable(store, lasting);
    const early = '2026-11-01T00:00:00.000Z';
    const late = '2026-12-01T00:00:00.000Z';
    for (const [id, text] of Object.entries({ a: early, b: late, c: 'for ever', d: early })) {
      await table.insert({ id, version: 1, text });
    }
    await table.replace({ id: 'd', version: 1, text: late });
    expect(await table.forgetExpired(new Date('2026-10-31T00:00:00Z'))).toBe(0);
    expect(await table.forgetExpired(new Date('2026-11-15T00:00:00Z'))).toBe(1);
    const left = await Promise.all(['a', 'b', 'c', 'd'].map((id) => table.get(id)));
    expect(left.map((note) => note?.id)).toEqual([undefined, 'b', 'c', 'd']);
    expect((await table.query('by_text', early)).records).toEqual([]);
    expect(await table.forgetExpired(new Date('2027-01-01T00:00:00Z'))).toBe(2);
    expect(await table.get('c')).not.toBeNull();
  });

  test('a cursor that no page gave is refused', async () => {
    const table = new LmdbRecordTable(store, NOTES);
    await expect(table.query('by_text', 'A', { cursor: 'nonsense' })).rejects.toThrow('cursor must be');
    await expect(table.query('by_text', 'A', { limit: 1001 })).rejects.toThrow('limit must be');
  });

  test('what the definition does not accept is not given out', async () => {
    const table = new LmdbRecordTable<Note>(store, {
      ...NOTES,
      parse: () => {
        throw new Error('text must be short.');
      },
    });
    await table.insert({ id: '1', version: 1, text: 'A' });
    await expect(table.get('1')).rejects.toThrow('text must be short.');
  });
});
