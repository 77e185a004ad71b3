/** Messages in queues and among dead letters that are about an erased place. */
import { QUEUE_NAMES, type QueueName } from '../../contract/deployment';
import type { ErasedPlace } from '../../contract/erasure';
import { BatchEventSchema, DeliverMessageSchema, SubmitMessageSchema, UploadEventSchema } from '../../contract/events';
import { parseUploadKey } from '../../contract/keys';
import type { JobQueue } from '../job-queue';
import type { Ports } from '../ports';
import type { Removed } from './removed';

/** Whoever looks through a queue holds its messages up for a moment: no further than this. */
const MAX_LOOKED_AT = 5000;

/** @param ids of the erased jobs: some messages name nothing else. */
export async function erasePendingMessages(
  { queues, deadLetters }: Ports,
  place: ErasedPlace,
  ids: ReadonlySet<string>,
  removed: Removed,
): Promise<void> {
  for (const name of QUEUE_NAMES) {
    for (const queue of [queues[name], deadLetters[name]]) await eraseIn(queue, name, place, ids, removed);
  }
}

async function eraseIn(
  queue: JobQueue,
  name: QueueName,
  place: ErasedPlace,
  ids: ReadonlySet<string>,
  removed: Removed,
): Promise<void> {
  const matches = (body: string) => isAbout(name, parseJson(body), place, ids);
  for (const id of await queue.deleteMatching(matches, MAX_LOOKED_AT)) removed.add('messages', id);
}

/** What nobody can read is about nobody: it stays for whoever looks into it. */
function isAbout(name: QueueName, message: unknown, place: ErasedPlace, ids: ReadonlySet<string>): boolean {
  switch (name) {
    case 'intake': {
      const key = UploadEventSchema.safeParse(message).data?.detail.object.key;
      const named = key === undefined ? null : parseUploadKey(key);
      return named !== null && isIn(named, place);
    }
    case 'jobs': {
      const { data } = SubmitMessageSchema.safeParse(message);
      return data !== undefined && ids.has(data.job_id);
    }
    case 'batch_events': {
      const { data } = BatchEventSchema.safeParse(message);
      return data !== undefined && ids.has(data.detail.jobName);
    }
    case 'webhooks': {
      const job = DeliverMessageSchema.safeParse(message).data?.event.job;
      return job !== undefined && (ids.has(job.id) || isIn(job, place));
    }
    default:
      return name satisfies never;
  }
}

function isIn({ tenant, set }: { tenant: string; set: string }, place: ErasedPlace): boolean {
  return tenant === place.tenant && (place.set === null || set === place.set);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
