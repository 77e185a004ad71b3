/** The four queues, in the order of the flow. */
import type * as kms from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { QUEUE_NAMES, type QueueName } from '../contract/deployment';
import { FlowQueue } from './queue';
import { STAGE_TIMEOUT_SECONDS, type StageName } from './stage-function';

export type FlowQueues = Readonly<Record<QueueName, FlowQueue>>;

const STAGE_OF_QUEUE: Record<QueueName, StageName> = {
  intake: 'validate',
  jobs: 'submit',
  batch_events: 'track',
  webhooks: 'notify',
};
const ID_OF_QUEUE: Record<QueueName, string> = {
  intake: 'Intake',
  jobs: 'Jobs',
  batch_events: 'BatchEvents',
  webhooks: 'Webhooks',
};

/** AWS: "at least six times the timeout of your function", so that a throttled call does not cost a delivery. */
const VISIBILITY_TIMES = 6;
/** As in a local deployment: retries of a webhook over three days receive its message often. */
const MAX_RECEIVE_COUNT: Record<QueueName, number> = { intake: 20, jobs: 20, batch_events: 20, webhooks: 200 };

export function flowQueues(scope: Construct, key?: kms.IKey): FlowQueues {
  const queue = (name: QueueName) =>
    new FlowQueue(scope, ID_OF_QUEUE[name], {
      name,
      visibilitySeconds: VISIBILITY_TIMES * STAGE_TIMEOUT_SECONDS[STAGE_OF_QUEUE[name]],
      maxReceiveCount: MAX_RECEIVE_COUNT[name],
      key,
    });
  return Object.fromEntries(QUEUE_NAMES.map((name) => [name, queue(name)])) as unknown as FlowQueues;
}
