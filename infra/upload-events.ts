/** A job.json that is uploaded or deleted becomes a message of the queue `intake`. */
import { Rule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import type { CfnBucket, IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { UPLOADS_PREFIX } from '../contract/keys';
import { MANIFEST_FILE_NAME } from '../contract/manifest';
import type { FlowQueue } from './queue';

export interface UploadEventsProps {
  readonly uploads: IBucket;
  readonly intake: FlowQueue;
}

export class UploadEvents extends Construct {
  constructor(scope: Construct, id: string, { uploads, intake }: UploadEventsProps) {
    super(scope, id);
    // Not `eventBridgeEnabled`: that makes a function of CDK's own, which may change the notifications of every bucket.
    const bucket = uploads.node.defaultChild as CfnBucket;
    bucket.notificationConfiguration = { eventBridgeConfiguration: { eventBridgeEnabled: true } };

    new Rule(this, 'Rule', {
      description: 'job.json uploaded: a job begins. Deleted: it is canceled.',
      eventPattern: {
        source: ['aws.s3'],
        detailType: ['Object Created', 'Object Deleted'],
        detail: {
          bucket: { name: [uploads.bucketName] },
          object: { key: [{ wildcard: `${UPLOADS_PREFIX}*/${MANIFEST_FILE_NAME}` }] },
        },
      },
      // What cannot be delivered lies where a person looks; reconcile finds the upload all the same.
      targets: [new SqsQueue(intake.queue, { deadLetterQueue: intake.deadLetters })],
    });
  }
}
