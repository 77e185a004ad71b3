/** In AWS nothing of a job lies where we could remove it but in buckets, table and queues; what AWS itself keeps for a while is told. */
import type { JobTraces } from '../job-traces';

export const AWS_TRACES: JobTraces = {
  find: async () => [],
  erase: async () => [],
  outOfReach: [
    'DynamoDB: continuous backups can restore the table to any moment of the last 35 days; backups of your own are kept until you delete them.',
    'CloudWatch Logs: lines of the functions and workers name job ids, tenants and sets, and messages about bad input, until retention.logs_days of the settings are over.',
    "S3 access logs: they name the keys of objects and the addresses of readers, until the logs' own lifecycle ends them.",
    'SQS: a message in flight or delayed cannot be seen; a stage that receives one of an erased job drops it, and SQS itself forgets it after at most 14 days.',
    'AWS Batch: it remembers the ids of ended jobs, which are names without content, for about a week.',
    'What receivers of webhooks and holders of presigned links have fetched is theirs.',
  ],
};
