/** What the service keeps: three buckets, the log of who read them, and the one table. */
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { BucketName } from '../contract/deployment';
import { JOB_FILE_NAME, UPLOADS_PREFIX } from '../contract/keys';
import { MAX_RETENTION_DAYS } from '../contract/limits';
import {
  type RecordKind,
  TABLE_INDEXES,
  TABLE_KEY,
  TABLE_SORT_KEY,
  TABLE_TTL_ATTRIBUTE,
  type TableIndex,
} from '../contract/table';
import { allow } from './allow';
import type { Settings } from './settings';

export interface StorageProps {
  readonly settings: Settings;
  /** Of the team's own; without, S3 and DynamoDB encrypt with theirs. */
  readonly key?: kms.IKey;
}

/** What somebody may do with objects or records. */
export type Access = 'read' | 'write' | 'delete';

const OBJECT_ACTION: Record<Access, string> = {
  read: 's3:GetObject',
  write: 's3:PutObject',
  delete: 's3:DeleteObject',
};
const RECORD_ACTION: Record<Access, string> = {
  read: 'dynamodb:GetItem',
  write: 'dynamodb:PutItem',
  delete: 'dynamodb:DeleteItem',
};

const RESULTS_PREFIX = 'jobs/';
/** Reconcile deletes the results of each job in its own time; this rule is for what it does not know of any more. */
const RESULTS_BACKSTOP_DAYS = MAX_RETENTION_DAYS + 60;
/** An upload that has not gone on for so long never will. */
const ABANDONED_UPLOAD_DAYS = 7;

export class Storage extends Construct {
  readonly uploads: s3.Bucket;
  readonly results: s3.Bucket;
  readonly models: s3.Bucket;
  readonly table: dynamodb.Table;
  readonly key: kms.IKey | undefined;

  constructor(scope: Construct, id: string, { settings, key }: StorageProps) {
    super(scope, id);
    this.key = key;
    const { retention } = settings;
    const accessLogs = new s3.Bucket(this, 'AccessLogs', {
      ...bucketDefaults(settings),
      // S3 delivers access logs to no bucket with a key of its own.
      encryption: s3.BucketEncryption.S3_MANAGED,
      lifecycleRules: [{ id: 'old-logs', expiration: Duration.days(retention.logs_days) }],
    });

    const bucket = (name: BucketName, props: s3.BucketProps) =>
      new s3.Bucket(this, name, {
        ...bucketDefaults(settings),
        encryption: key ? s3.BucketEncryption.KMS : s3.BucketEncryption.S3_MANAGED,
        encryptionKey: key,
        bucketKeyEnabled: key !== undefined,
        serverAccessLogsBucket: accessLogs,
        serverAccessLogsPrefix: `${name}/`,
        ...props,
      });

    this.uploads = bucket('uploads', {
      // A photo that somebody overwrites by mistake can be had back, and a job sees what was validated or nothing.
      versioned: true,
      lifecycleRules: [
        {
          id: 'old-uploads',
          prefix: UPLOADS_PREFIX,
          expiration: Duration.days(retention.uploads_days),
          noncurrentVersionExpiration: Duration.days(retention.old_versions_days),
        },
        // S3 takes this in no rule that has an expiration in days.
        { id: 'emptied-keys', expiredObjectDeleteMarker: true },
        abandonedUploads(),
      ],
    });
    this.results = bucket('results', {
      lifecycleRules: [
        { id: 'forgotten-results', prefix: RESULTS_PREFIX, expiration: Duration.days(RESULTS_BACKSTOP_DAYS) },
        abandonedUploads(),
      ],
    });
    this.models = bucket('models', { lifecycleRules: [abandonedUploads()] });
    // Not TableV2: that takes no key of ours unless it is told account and region.
    this.table = new dynamodb.Table(this, 'table', {
      partitionKey: { name: TABLE_KEY, type: dynamodb.AttributeType.STRING },
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      timeToLiveAttribute: TABLE_TTL_ATTRIBUTE,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      ...(key
        ? { encryption: dynamodb.TableEncryption.CUSTOMER_MANAGED, encryptionKey: key }
        : { encryption: dynamodb.TableEncryption.DEFAULT }),
      deletionProtection: !settings.delete_data_with_stack,
      removalPolicy: removalPolicy(settings),
    });
    for (const name of TABLE_INDEXES) {
      this.table.addGlobalSecondaryIndex({
        indexName: name,
        partitionKey: { name, type: dynamodb.AttributeType.STRING },
        sortKey: { name: TABLE_SORT_KEY, type: dynamodb.AttributeType.STRING },
      });
    }
  }

  /** Single records of these kinds: a write is a conditional one. Nobody scans. */
  allowRecords(grantee: iam.IGrantable, kinds: Readonly<Partial<Record<RecordKind, readonly Access[]>>>): void {
    for (const [kind, accesses] of Object.entries(kinds)) {
      grantee.grantPrincipal.addToPrincipalPolicy(
        new iam.PolicyStatement({
          actions: accesses.map((access) => RECORD_ACTION[access]),
          resources: [this.table.tableArn],
          conditions: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [`${kind}#*`] } },
        }),
      );
    }
  }

  /** Whatever kinds of records are in them. */
  allowQueries(grantee: iam.IGrantable, indexes: readonly TableIndex[]): void {
    const resources = indexes.map((index) => `${this.table.tableArn}/index/${index}`);
    allow(grantee, ['dynamodb:Query'], resources);
  }

  /** Deletes results for good, should the bucket keep versions; reading them is not needed for it. */
  allowRemovalOfResults(grantee: iam.IGrantable): void {
    const reason = 'Objects of one kind, in a bucket of this stack.';
    const objects = [this.results.arnForObjects(`${RESULTS_PREFIX}*`)];
    allow(grantee, ['s3:DeleteObject', 's3:DeleteObjectVersion'], objects, reason);
    allow(grantee, ['s3:ListBucketVersions'], [this.results.bucketArn]);
  }

  /** @param pattern of keys: `sets/*`. */
  allowObjects(grantee: iam.IGrantable, bucket: BucketName, pattern: string, accesses: readonly Access[]): void {
    const actions = accesses.map((access) => OBJECT_ACTION[access]);
    allow(grantee, actions, [this[bucket].arnForObjects(pattern)], 'Objects of one kind, in a bucket of this stack.');
    // Without, S3 answers 403 in place of 404, and what is not there cannot be told from what is forbidden. A condition on the
    // prefix would take that away again.
    if (accesses.includes('read')) this.allowList(grantee, bucket);
  }

  allowList(grantee: iam.IGrantable, bucket: BucketName): void {
    allow(grantee, ['s3:ListBucket'], [this[bucket].bucketArn]);
  }

  /**
   * What clients/job-ledger.ts does here: the record, and the job object in the results, by compare and swap. The job object of a job
   * that was erased meanwhile is taken back.
   */
  allowLedger(grantee: iam.IGrantable): void {
    this.allowRecords(grantee, { job: ['read', 'write'] });
    this.allowObjects(grantee, 'results', `${RESULTS_PREFIX}*/${JOB_FILE_NAME}`, ['read', 'write', 'delete']);
  }
}

function bucketDefaults(settings: Settings) {
  return {
    blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
    objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    removalPolicy: removalPolicy(settings),
    // CloudFormation deletes no bucket that holds something.
    autoDeleteObjects: settings.delete_data_with_stack,
  } as const satisfies s3.BucketProps;
}

function removalPolicy({ delete_data_with_stack }: Settings): RemovalPolicy {
  return delete_data_with_stack ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN;
}

function abandonedUploads(): s3.LifecycleRule {
  return { id: 'abandoned-uploads', abortIncompleteMultipartUploadAfter: Duration.days(ABANDONED_UPLOAD_DAYS) };
}
