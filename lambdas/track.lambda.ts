/** Lambda entry of the stage `track`, on the queue `batch_events`. */

import { openContextFromEnv } from './open-context';
import { sqsHandler } from './sqs-handler';
import { track } from './track';

export const handler = sqsHandler('track', track, 'batch_events', openContextFromEnv('track'));
