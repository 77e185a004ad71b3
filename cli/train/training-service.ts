/** What the `mv2id train` commands work on: a stack that has `training.enabled`. */
import type { AwsTraining } from '../../clients/aws/aws-training';
import type { ObjectStore } from '../../clients/object-store';
import { fieldErrors } from '../../contract/field-error';
import { RunNameSchema } from '../../contract/training-run';
import { UsageError } from '../exit-code';
import type { ProfileOptions } from '../profile';
import { withService } from '../service';

export interface TrainingService {
  readonly training: AwsTraining;
  readonly models: ObjectStore;
}

/** @throws UsageError when the profile is no stack, or one without training. */
export function withTraining<T>(options: ProfileOptions, run: (service: TrainingService) => Promise<T>): Promise<T> {
  return withService(options, async ({ deployment, ports }) => {
    if (deployment.type === 'local') {
      throw new UsageError(
        '--profile must name a stack, got this machine: training/README.md says how to train here, without the service.',
      );
    }
    if (!deployment.training) {
      throw new UsageError('training.enabled must be true in the settings of the stack (cdk.json), got false.');
    }
    // Loaded only here: no other command needs it.
    const {
      openTraining,
    }: typeof import('../../clients/aws/open-training') = require('../../clients/aws/open-training');
    const { training, close } = openTraining(deployment, deployment.training);
    try {
      return await run({ training, models: ports.buckets.models });
    } finally {
      close();
    }
  });
}

/** @throws UsageError when it cannot be the name of a run. */
export function requireRunName(name: string, option: string): string {
  const [error] = fieldErrors(RunNameSchema, name, option);
  if (error) throw new UsageError(error.message);
  return name;
}
