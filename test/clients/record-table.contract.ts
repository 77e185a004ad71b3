/** What every table promises, whichever it is: run against LMDB and against DynamoDB. */
import { z } from 'zod';
import type { RecordTable, TableDefinition } from '../../clients/record-table';

export interface RecordTableHarness {
  /** The table of a kind of record; all kinds of a harness share one store, which is empty at first. */
  table(definition: TableDefinition<Pet>): RecordTable<Pet>;
  /** The same as another process has it. */
  other(definition: TableDefinition<Pet>): RecordTable<Pet>;
  close(): Promise<void>;
}

const PetSchema = z.strictObject({
  id: z.string(),
  version: z.int().positive(),
  owner: z.string(),
  isHungry: z.boolean(),
  born: z.iso.datetime(),
  name: z.string(),
});
export type Pet = z.output<typeof PetSchema>;

const CATS: TableDefinition<Pet> = {
  kind: 'cat',
  parse: (value) => PetSchema.parse(value),
  sortKey: ({ born }) => born,
  indexes: {
    by_owner: ({ owner }) => owner,
    by_hungry: ({ isHungry }) => (isHungry ? 'hungry' : null),
  },
  expiresAt: () => null,
};
const DOGS: TableDefinition<Pet> = { ...CATS, kind: 'dog' };

export function describeRecordTable(name: string, open: () => Promise<RecordTableHarness>): void {
  describe(`record table: ${name}`, () => {
    let harness: RecordTableHarness;
    let cats: RecordTable<Pet>;
    let otherCats: RecordTable<Pet>;

    beforeEach(async () => {
      harness = await open();
      cats = harness.table(CATS);
      otherCats = harness.other(CATS);
    });
    afterEach(() => harness.close());

    test('what was inserted is there, for every reader, at once', async () => {
      const tom = pet(1, { name: 'Größe "日本" 😀\n' });
      expect(await cats.insert(tom)).toBe(true);
      expect(await otherCats.get(tom.id)).toEqual(tom);
      expect(await cats.get('nobody')).toBeNull();
    });

    test('an id is given once', async () => {
      expect(await cats.insert(pet(1))).toBe(true);
      expect(await otherCats.insert(pet(1, { name: 'another' }))).toBe(false);
      expect((await cats.get('pet-1'))?.name).toBe('pet 1');
    });

    test('what was deleted is gone from every index, for every reader, and its id is free', async () => {
      await cats.insert(pet(1, { isHungry: true }));
      await cats.insert(pet(2));
      await otherCats.delete('pet-1');
      expect(await cats.get('pet-1')).toBeNull();
      expect(await ids(cats, 'by_owner', 'anna')).toEqual(['pet-2']);
      expect(await ids(otherCats, 'by_hungry', 'hungry')).toEqual([]);
      await cats.delete('pet-1');
      // Who had read it before cannot bring it back.
      expect(await otherCats.replace(pet(1))).toBeNull();
      expect(await cats.insert(pet(1, { name: 'another' }))).toBe(true);
    });

    test('only the record of its own kind is deleted', async () => {
      const dogs = harness.table(DOGS);
      await cats.insert(pet(1));
      await dogs.insert(pet(1));
      await dogs.delete('pet-1');
      expect((await cats.get('pet-1'))?.name).toBe('pet 1');
    });

    test('kinds do not meet', async () => {
      const dogs = harness.table(DOGS);
      await cats.insert(pet(1));
      expect(await dogs.get('pet-1')).toBeNull();
      expect(await dogs.insert(pet(1, { name: 'a dog' }))).toBe(true);
      expect((await cats.get('pet-1'))?.name).toBe('pet 1');
      expect(await ids(dogs, 'by_owner', 'anna')).toEqual(['pet-1']);
      await dogs.replace({ ...pet(1), owner: 'ben' });
      expect(await ids(cats, 'by_owner', 'anna')).toEqual(['pet-1']);
      expect(await ids(dogs, 'by_owner', 'anna')).toEqual([]);
    });

    test('an id may be any text, a long address too', async () => {
      const odd = ['https://example.org/hook?a=b&c=d e+f', '日本語/../x', `https://example.org/${'x'.repeat(2000)}`];
      for (const [i, id] of odd.entries()) expect(await cats.insert(pet(i, { id }))).toBe(true);
      for (const [i, id] of odd.entries()) expect(await otherCats.get(id)).toEqual(pet(i, { id }));
      expect((await ids(cats, 'by_owner', 'anna')).sort()).toEqual([...odd].sort());
    });

    test('a write that is based on the present version becomes the next', async () => {
      await cats.insert(pet(1));
      const second = await cats.replace(pet(1, { name: 'two' }));
      expect(second).toEqual(pet(1, { name: 'two', version: 2 }));
      expect(await otherCats.replace({ ...pet(1), ...second, name: 'three' })).toMatchObject({ version: 3 });
      expect(await cats.get('pet-1')).toEqual(pet(1, { name: 'three', version: 3 }));
    });

    test('a write that is based on an older version changes nothing', async () => {
      await cats.insert(pet(1));
      await otherCats.replace(pet(1, { name: 'faster', owner: 'ben' }));
      expect(await cats.replace(pet(1, { name: 'slower', owner: 'clara' }))).toBeNull();
      expect(await cats.get('pet-1')).toEqual(pet(1, { name: 'faster', owner: 'ben', version: 2 }));
      expect(await ids(cats, 'by_owner', 'clara')).toEqual([]);
      expect(await ids(cats, 'by_owner', 'ben')).toEqual(['pet-1']);
    });

    test('what is not there cannot be replaced', async () => {
      expect(await cats.replace(pet(1))).toBeNull();
      expect(await cats.get('pet-1')).toBeNull();
      expect(await ids(cats, 'by_owner', 'anna')).toEqual([]);
    });

    test('of writers that are based on one version, one wins', async () => {
      await cats.insert(pet(1));
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          (i % 2 === 0 ? cats : otherCats).replace(pet(1, { name: `writer ${i}`, owner: `owner ${i}` })),
        ),
      );
      const winners = outcomes.filter((outcome) => outcome !== null);
      expect(winners).toHaveLength(1);
      expect(await cats.get('pet-1')).toEqual(winners[0]);
      expect(await ids(cats, 'by_owner', winners[0]?.owner ?? '')).toEqual(['pet-1']);
    });

    test('of writers that insert one id, one wins', async () => {
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? cats : otherCats).insert(pet(1, { name: `writer ${i}` }))),
      );
      expect(outcomes.filter(Boolean)).toHaveLength(1);
      expect((await cats.get('pet-1'))?.name).toBe(`writer ${outcomes.indexOf(true)}`);
    });

    test('writers that read and try again lose no change', async () => {
      await cats.insert(pet(1, { name: '0' }));
      const countUp = async (table: RecordTable<Pet>) => {
        for (;;) {
          const record = await table.get('pet-1');
          if (record && (await table.replace({ ...record, name: String(Number(record.name) + 1) }))) return;
        }
      };
      await Promise.all(Array.from({ length: 10 }, (_, i) => countUp(i % 2 === 0 ? cats : otherCats)));
      expect(await cats.get('pet-1')).toMatchObject({ name: '10', version: 11 });
    });

    test('an index finds what has its value, newest first unless asked otherwise', async () => {
      for (const i of [2, 3, 1]) await cats.insert(pet(i));
      await cats.insert(pet(4, { owner: 'ben' }));
      await cats.insert(pet(5, { owner: 'annabel' }));
      expect(await ids(otherCats, 'by_owner', 'anna')).toEqual(['pet-3', 'pet-2', 'pet-1']);
      const oldest = await cats.query('by_owner', 'anna', { order: 'oldest' });
      expect(oldest.records).toEqual([pet(1), pet(2), pet(3)]);
      expect(oldest.next).toBeNull();
      expect(await ids(cats, 'by_owner', 'nobody')).toEqual([]);
    });

    test('an index that is not defined is refused', async () => {
      await expect(cats.query('by_colour', 'grey')).rejects.toThrow('by_colour');
    });

    test('a record leaves an index, moves inside it and comes back', async () => {
      await cats.insert(pet(1, { isHungry: true }));
      await cats.insert(pet(2));
      expect(await ids(cats, 'by_hungry', 'hungry')).toEqual(['pet-1']);
      const fed = await cats.replace(pet(1, { isHungry: false }));
      expect(await ids(cats, 'by_hungry', 'hungry')).toEqual([]);
      const moved = await cats.replace({ ...pet(1), ...fed, owner: 'ben' });
      expect(await ids(cats, 'by_owner', 'anna')).toEqual(['pet-2']);
      expect(await ids(cats, 'by_owner', 'ben')).toEqual(['pet-1']);
      await cats.replace({ ...pet(1), ...moved, isHungry: true });
      expect(await ids(cats, 'by_hungry', 'hungry')).toEqual(['pet-1']);
    });

    test.each(['newest', 'oldest'] as const)('pages from the %s are whole, in order and end', async (order) => {
      const numbers = Array.from({ length: 23 }, (_, i) => i);
      for (const i of numbers) await cats.insert(pet(i));
      const wanted = (order === 'newest' ? [...numbers].reverse() : numbers).map((i) => `pet-${i}`);
      const found: string[] = [];
      const sizes: number[] = [];
      let cursor: string | undefined;
      do {
        const page = await cats.query('by_owner', 'anna', {
          limit: 10,
          order,
          ...(cursor !== undefined && { cursor }),
        });
        found.push(...page.records.map(({ id }) => id));
        sizes.push(page.records.length);
        cursor = page.next ?? undefined;
      } while (cursor !== undefined);
      expect(found).toEqual(wanted);
      expect(sizes.filter((size) => size > 0)).toEqual([10, 10, 3]);
    });

    test('records of the same time are all found, page by page', async () => {
      const born = pet(0).born;
      for (let i = 0; i < 5; i++) await cats.insert(pet(i, { born }));
      const found = await allPages(cats, 'by_owner', 'anna', 2);
      expect(found.sort()).toEqual(['pet-0', 'pet-1', 'pet-2', 'pet-3', 'pet-4']);
    });

    test('what is inserted between two pages neither repeats nor hides a record', async () => {
      for (let i = 10; i < 16; i++) await cats.insert(pet(i));
      const first = await cats.query('by_owner', 'anna', { limit: 3 });
      await cats.insert(pet(20));
      const second = await cats.query('by_owner', 'anna', { limit: 3, cursor: first.next ?? '' });
      const found = [...first.records, ...second.records].map(({ id }) => id);
      expect(found).toEqual(['pet-15', 'pet-14', 'pet-13', 'pet-12', 'pet-11', 'pet-10']);
    });
  });
}

function pet(number: number, change: Partial<Pet> = {}): Pet {
  return {
    id: `pet-${number}`,
    version: 1,
    owner: 'anna',
    isHungry: false,
    born: new Date(Date.UTC(2026, 0, 1, 0, 0, number)).toISOString(),
    name: `pet ${number}`,
    ...change,
  };
}

async function ids(table: RecordTable<Pet>, index: string, value: string): Promise<string[]> {
  return (await table.query(index, value)).records.map(({ id }) => id);
}

async function allPages(table: RecordTable<Pet>, index: string, value: string, limit: number): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof table.query>> = await table.query(index, value, {
      limit,
      ...(cursor !== null && { cursor }),
    });
    found.push(...page.records.map(({ id }) => id));
    cursor = page.next;
  } while (cursor !== null);
  return found;
}
