/** Lambda entry of the stage `notify`, on the queue `webhooks`. */
import { notify } from './notify';
import { openContextFromEnv } from './open-context';
import { sqsHandler } from './sqs-handler';

export const handler = sqsHandler('notify', notify, 'webhooks', openContextFromEnv('notify'));
