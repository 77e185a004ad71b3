/** Lambda entry of the stage `submit`, on the queue `jobs`. */

import { openContextFromEnv } from './open-context';
import { sqsHandler } from './sqs-handler';
import { submit } from './submit';

export const handler = sqsHandler('submit', submit, 'jobs', openContextFromEnv('submit'));
