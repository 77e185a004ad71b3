/** A few runs of the crash campaign. The long one is `npm run campaign`: its figures stand in docs/campaign.md. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { writeRandomModel } from '../random-model';
import { type CampaignMaterials, campaignRun, type ExpectedVideos, makeMaterials, VARIANTS } from './run';

let folder: string;
let materials: CampaignMaterials;
let unbroken: ExpectedVideos;
let calmFaults: string[];

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-materials-'));
  materials = await makeMaterials(folder, writeRandomModel);
  const other = new Map(VARIANTS.map((_, variant) => [variant, ['another']]));
  const { figures, videos } = await campaignRun(1, materials, other, true);
  expect(videos.size).toBe(VARIANTS.length);
  unbroken = videos;
  calmFaults = figures.faults;
});
afterAll(() => rmSync(folder, { recursive: true }));

test('an unbroken run has no fault, but for videos that are not the expected ones: it notices them', () => {
  expect(calmFaults).toEqual([
    ...VARIANTS.map(() => expect.stringContaining('must make the bytes of an unbroken run')),
    expect.stringContaining('The home is left in'),
  ]);
  rmSync(calmFaults.at(-1)!.replace(/^The home is left in |\.$/g, ''), { recursive: true });
});

// Each of them kills a serve, whatever else it does.
test.each([8, 2, 3])('nothing is lost, twice or different after seed %i', async (seed) => {
  const { figures } = await campaignRun(seed, materials, unbroken);
  expect(figures.faults).toEqual([]);
  expect(figures.servesKilled).toBeGreaterThan(0);
});
