/**
 * What EventBridge would say about an object in the uploads bucket.
 * Source: Amazon S3 user guide, "EventBridge event message structure".
 */
import { randomUUID } from 'node:crypto';
import type { UploadEvent } from '../contract/events';

export interface UploadedFile {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** When it got its present content and place. */
  readonly changedAt: Date;
  /** Whose file it is: the account's name, or its number where nobody tells the name. */
  readonly owner: string;
}

export function objectCreated({ key, size, changedAt, owner }: UploadedFile): UploadEvent {
  const object = { key, size, sequencer: sequencer(changedAt) };
  return uploadEvent('Object Created', changedAt, object, 'PutObject', `local:${owner}`);
}

export function objectDeleted(key: string, noticedAt: Date): UploadEvent {
  return uploadEvent('Object Deleted', noticedAt, { key, sequencer: sequencer(noticedAt) }, 'DeleteObject');
}

function uploadEvent(
  type: UploadEvent['detail-type'],
  time: Date,
  object: UploadEvent['detail']['object'],
  reason: string,
  requester?: string,
): UploadEvent {
  return {
    version: '0',
    id: randomUUID(),
    'detail-type': type,
    source: 'aws.s3',
    account: '000000000000',
    time: time.toISOString(),
    region: 'local',
    resources: ['arn:aws:s3:::uploads'],
    detail: {
      version: '0',
      bucket: { name: 'uploads' },
      object,
      reason,
      ...(requester !== undefined && { requester }),
    },
  };
}

/** Grows with time for one key; hexadecimal, padded so that it can be compared as text. */
function sequencer(time: Date): string {
  return time.getTime().toString(16).padStart(16, '0').toUpperCase();
}
