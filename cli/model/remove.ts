/** `mv2id model remove`: takes a model out of the bucket, its index first, so that no job gets what is left of it. */
import { allRecords } from '../../clients/all-records';
import type { Ports } from '../../clients/ports';
import { describe } from '../../contract/field-error';
import { isTerminal } from '../../contract/job';
import { MODEL_INDEX_FILE_NAME, modelKey } from '../../contract/keys';
import { byteText } from '../../gpu-worker/memory';
import { UsageError } from '../exit-code';
import type { ProfileOptions } from '../profile';
import { withService } from '../service';
import type { Streams } from '../streams';
import { isReserved } from './list';

export interface RemoveModelOptions extends ProfileOptions {
  readonly force?: boolean;
}

/** @throws UsageError when there is no such model, or jobs that need it have not ended. */
export async function runRemoveModel(id: string, options: RemoveModelOptions, { stdout }: Streams): Promise<void> {
  await withService(options, async ({ ports }) => {
    const files = [];
    if (isReserved(id))
      throw new UsageError(`<model id> must be that of a model, got ${describe(id)}: the folder of trainings.`);
    for await (const file of ports.buckets.models.list(modelKey(id, ''))) files.push(file);
    if (files.length === 0) throw new UsageError(`<model id> must be one in the models bucket, got ${describe(id)}.`);
    if (!options.force) await requireUnused(ports, id);

    await ports.buckets.models.delete(modelKey(id, MODEL_INDEX_FILE_NAME));
    for (const { key } of files) await ports.buckets.models.delete(key);
    const bytes = files.reduce((sum, { size }) => sum + size, 0);
    stdout.write(`${id}: ${files.length} files removed, ${byteText(bytes)}.\n`);
  });
}

async function requireUnused({ jobs }: Ports, id: string): Promise<void> {
  for await (const { job } of allRecords(jobs, 'by_unsettled', 'unsettled')) {
    if (job.model !== id || isTerminal(job.status)) continue;
    const got = `${describe(id)}, which ${job.id} needs`;
    throw new UsageError(`<model id> must be one that no job waits for, got ${got}: cancel it, wait, or --force.`);
  }
}
