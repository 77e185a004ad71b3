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
}

export function objectCreated({ key, size, changedAt }: UploadedFile): UploadEvent {
  return uploadEvent('Object Created', changedAt, { key, size, sequencer: sequencer(changedAt) }, 'PutObject');
}

export function objectDeleted(key: string, noticedAt: Date): UploadEvent {
  return uploadEvent('Object Deleted', noticedAt, { key, sequencer: sequencer(noticedAt) }, 'DeleteObject');
}

function uploadEvent(
  type: UploadEvent['detail-type'],
  time: Date,
  object: UploadEvent['detail']['object'],
  reason: string,
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
    detail: { version: '0', bucket: { name: 'uploads' }, object, reason },
  };
}

/** Grows with time for one key; hexadecimal, padded so that it can be compared as text. */
function sequencer(time: Date): string {
  return time.getTime().toString(16).padStart(16, '0').toUpperCase();
}
