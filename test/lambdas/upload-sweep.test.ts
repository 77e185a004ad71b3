import { manifestKey } from '../../contract/keys';
import { reconcile } from '../../lambdas/reconcile';
import { nextStretch } from '../../lambdas/upload-sweep';
import { drainIntake, openTestContext, overriding, type TestContext, uploadManifest, withPorts } from './factories';
import { queuedJob } from './queued-job';

const SETS = ['a', 'b', 'c', 'd', 'e'].map((set) => ({ tenant: 'acme', set }));

let context: TestContext;
beforeEach(async () => {
  // As on AWS: an object's time is that of its upload.
  context = { ...(await openTestContext()), isLocal: false };
});

async function announced(): Promise<string[]> {
  return (await drainIntake(context)).map(({ detail }) => detail.object.key);
}

test('each run goes on where the one before ended, and begins anew at the end', async () => {
  for (const place of SETS) await uploadManifest(context, undefined, place);
  context.clock.move(61);
  const [a, b, c, d, e] = SETS.map(({ tenant, set }) => manifestKey(tenant, set));
  expect(await reconcile(context, 2)).toMatchObject({ announced: 2 });
  expect(await announced()).toEqual([a, b]);
  await reconcile(context, 2);
  expect(await announced()).toEqual([c, d]);
  await reconcile(context, 2);
  expect(await announced()).toEqual([e]);
  await reconcile(context, 2);
  expect(await announced()).toEqual([a, b]);
});

test('what a whole sweep has found seen is not looked up again', async () => {
  for (const place of SETS) {
    await queuedJob(context, place);
    await uploadManifest(context, undefined, place);
  }
  context.clock.move(200);
  let lookUps = 0;
  const jobs = overriding(context.ports.jobs, {
    query: (index: string, ...rest: [string]) => {
      if (index === 'by_set') lookUps++;
      return context.ports.jobs.query(index, ...rest);
    },
  });
  const counted = withPorts(context, { jobs });
  const lookUpsOf = async (runs: number) => {
    lookUps = 0;
    for (let run = 0; run < runs; run++) await reconcile(counted, 2);
    return lookUps;
  };
  expect(await lookUpsOf(3)).toBe(5);
  expect(await lookUpsOf(3)).toBe(0);
});

test('one that has no job yet is looked up in every sweep', async () => {
  await uploadManifest(context, undefined, SETS[0]);
  context.clock.move(200);
  for (let sweep = 0; sweep < 3; sweep++) {
    expect(await reconcile(context)).toMatchObject({ announced: 1 });
    expect(await announced()).toEqual([manifestKey('acme', 'a')]);
  }
});

test('an upload that was too young for a sweep is seen by the next', async () => {
  await reconcile(context);
  await uploadManifest(context, undefined, SETS[0]);
  context.clock.move(30);
  expect(await reconcile(context)).toMatchObject({ announced: 0 });
  context.clock.move(60);
  expect(await reconcile(context)).toMatchObject({ announced: 1 });
});

test('a stretch that could not be announced is looked at again', async () => {
  for (const place of SETS) await uploadManifest(context, undefined, place);
  context.clock.move(61);
  const deaf = overriding(context.ports.queues.intake, { send: () => Promise.reject(new Error('throttled')) });
  const troubled = withPorts(context, { queues: { ...context.ports.queues, intake: deaf } });
  expect(await reconcile(troubled, 2)).toMatchObject({ announced: 0, failures: 1 });
  expect(await reconcile(context, 2)).toMatchObject({ announced: 2 });
});

test('a deleted job.json is missed only in its own stretch', async () => {
  for (const place of SETS) {
    await queuedJob(context, place);
    await uploadManifest(context, undefined, place);
  }
  await context.ports.buckets.uploads.delete(manifestKey('acme', 'e'));
  expect(await reconcile(context, 3)).toMatchObject({ canceled: 0 });
  expect(await reconcile(context, 3)).toMatchObject({ canceled: 1 });
});

test('a stretch covers what lies between its first and its last key', async () => {
  for (const place of SETS.slice(0, 4)) await uploadManifest(context, undefined, place);
  const covered = async () => {
    const stretch = await nextStretch(context, 2);
    await stretch.finish(null);
    return SETS.filter(({ tenant, set }) => stretch.covers(manifestKey(tenant, set))).map(({ set }) => set);
  };
  expect([await covered(), await covered(), await covered(), await covered()]).toEqual([
    ['a', 'b'],
    ['c', 'd'],
    ['e'],
    ['a', 'b'],
  ]);
});

test('of two runs at once one says where it goes on', async () => {
  for (const place of SETS) await uploadManifest(context, undefined, place);
  const [one, other] = [await nextStretch(context, 2), await nextStretch(context, 3)];
  await one.finish(null);
  await other.finish(null);
  const next = await nextStretch(context, 1);
  expect([...next.manifests.keys()]).toEqual([manifestKey('acme', 'c')]);
});
