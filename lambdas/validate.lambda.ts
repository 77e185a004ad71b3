/** Lambda entry of the stage `validate`, on the queue `intake`. */

import { openContextFromEnv } from './open-context';
import { sqsHandler } from './sqs-handler';
import { validate } from './validate';

export const handler = sqsHandler('validate', validate, 'intake', openContextFromEnv('validate'));
