/** Whether the stack stands, and says where its deployment lives. */

import type { AwsDeployment } from '../../contract/deployment';
import type { StackProfile } from '../profile';
import { type Finding, ok, warning } from './finding';

/** @throws StackUnusable; what the SDK throws. */
export async function checkStack(
  profile: StackProfile,
): Promise<{ findings: readonly Finding[]; deployment: AwsDeployment }> {
  // Loaded only when there is a stack to read.
  const stacks: typeof import('../../clients/aws/stack-deployment') = require('../../clients/aws/stack-deployment');
  const stack = await stacks.describeStack(profile);
  const deployment = stacks.deploymentOfFacts(stack, profile);
  const message = `${stack.name} in ${profile.region}, account ${stack.account}: ${stack.status}`;
  const isAtRest = /(?:CREATE|UPDATE|IMPORT)_COMPLETE$/.test(stack.status) && !stack.status.includes('ROLLBACK');
  if (isAtRest) return { findings: [ok('stack', `${message}.`)], deployment };
  const why = stack.reason === '' ? '' : ` (${stack.reason})`;
  return {
    findings: [
      warning('stack', `${message}${why}: what was deployed before it still stands; see its events in CloudFormation.`),
    ],
    deployment,
  };
}
