/**
 * That somebody vouched for the consent of the person in the photos: who, when, and to which manifest. One record for every job that
 * was taken, written before the job is; it outlives the job and goes with an erasure.
 */
import { z } from 'zod';
import { JobIdSchema } from './job';

const Time = z.iso.datetime();

export const ConsentSchema = z.strictObject({
  /** Of the job. */
  id: JobIdSchema,
  version: z.int().positive(),
  tenant: z.string(),
  set: z.string(),
  /** As job.json names the person, and where the consent itself is found. */
  subject: z.string(),
  reference: z.string(),
  /** Of the bytes of job.json, in which the consent is confirmed. */
  manifest_sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Who wrote job.json, as the storage tells it; null where it does not. */
  uploaded_by: z.strictObject({
    /** In AWS an account id, or the service that asked; on one machine the owner of the file: `local:ada`. */
    requester: z.string().nullable(),
    source_ip: z.string().nullable(),
  }),
  uploaded_at: Time,
  recorded_at: Time,
});
export type Consent = z.output<typeof ConsentSchema>;
