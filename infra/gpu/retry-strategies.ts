/** contract/worker-exit.ts in the CDK's words. */
import * as batch from 'aws-cdk-lib/aws-batch';
import { WORKER_EVALUATE_ON_EXIT } from '../../contract/worker-exit';

/** In their order: the first that matches decides. */
export function retryStrategies(): batch.RetryStrategy[] {
  return WORKER_EVALUATE_ON_EXIT.map(({ action, ...on }) =>
    batch.RetryStrategy.of(batch.Action[action], batch.Reason.custom(on)),
  );
}
