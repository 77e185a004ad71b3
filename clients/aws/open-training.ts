/** The trainings of a deployment. */
import { BatchClient } from '@aws-sdk/client-batch';
import type { AwsDeployment } from '../../contract/deployment';
import { AwsTraining } from './aws-training';
import { clientSettings, madeWhenNeeded } from './client-settings';

/** Contacts nothing yet. */
export function openTraining(
  deployment: AwsDeployment,
  place: NonNullable<AwsDeployment['training']>,
): { readonly training: AwsTraining; close(): void } {
  const { lazily, destroy } = madeWhenNeeded();
  const client = lazily(() => new BatchClient(clientSettings(deployment)));
  return { training: new AwsTraining(client, place), close: destroy };
}
