/** A dry run: the set is judged as the service would judge it, with the model that it names, and nothing is sent. */
import { estimateMemory } from '../../gpu-worker/memory';
import { planGeneration } from '../../gpu-worker/plan';
import { requireUsableFaces } from '../face-check';
import { readReferenceFolder } from '../reference-folder';
import { type Finding, ok, problem, warning } from './finding';
import { judgeRoom, type Rooms, type UsableModels } from './models';

const CHECK = 'job';

/** @throws JobRejected with the messages that the service would give. */
export async function checkJob(
  folder: string,
  isLocal: boolean,
  models: UsableModels,
  { rooms, computeDtype }: Rooms,
): Promise<readonly Finding[]> {
  const set = await readReferenceFolder(folder, { isLocal });
  const { manifest, images } = set;
  const model = models.get(manifest.model);
  if (!model) {
    const others = models.size > 0 ? [...models.keys()].join(', ') : 'none';
    const message = `model must be one in the models bucket that can be used (${others}), got ${JSON.stringify(manifest.model)}.`;
    return [problem(CHECK, message)];
  }
  const warnings = await requireUsableFaces(set);
  const plan = planGeneration(model, manifest, 0);
  const { width, height, num_frames, steps } = plan.input;
  const { peak } = estimateMemory(model, plan, computeDtype);
  const what = `${width} x ${height}, ${num_frames} frames, ${plan.numReferences} references`;
  return [
    ...warnings.map(({ message }) => warning(CHECK, message)),
    ok(CHECK, `${folder}: ${images.length} images decode, job.json is valid, ${steps} steps of ${manifest.model}.`),
    judgeRoom(CHECK, what, peak, rooms),
  ];
}
