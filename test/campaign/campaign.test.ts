/** A few runs of the crash campaign. The long one is `npm run campaign`: its figures stand in docs/campaign.md. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { writeRandomModel } from '../random-model';
import { type CampaignMaterials, campaignRun, type ExpectedVideos, makeMaterials, VARIANTS } from './run';

let folder: string;
let materials: CampaignMaterials;
let unbroken: ExpectedVideos;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-materials-'));
  materials = await makeMaterials(folder, writeRandomModel);
  const { figures, videos } = await campaignRun(1, materials, new Map(), true);
  expect(figures.faults).toEqual([]);
  expect(videos.size).toBe(VARIANTS.length);
  unbroken = videos;
});
afterAll(() => rmSync(folder, { recursive: true }));

test.each([8, 2, 7])('nothing is lost, twice or different after seed %i', async (seed) => {
  const { figures } = await campaignRun(seed, materials, unbroken);
  expect(figures.faults).toEqual([]);
  expect(figures.servesKilled + figures.workersKilled).toBeGreaterThan(0);
});

test('a run notices a video that is not that of an unbroken run', async () => {
  const other = new Map([...unbroken].map(([variant]) => [variant, ['another']]));
  const { figures } = await campaignRun(1, materials, other, true);
  expect(figures.faults).toEqual([
    ...VARIANTS.map(() => expect.stringContaining('must make the bytes of an unbroken run')),
    expect.stringContaining('The home is left in'),
  ]);
  rmSync(figures.faults.at(-1)!.replace(/^The home is left in |\.$/g, ''), { recursive: true });
});
