/** The deployment that a CloudFormation stack made, from the stack's outputs: nothing has to be copied after `cdk deploy`. */
import {
  CloudFormationClient,
  CloudFormationServiceException,
  DescribeStacksCommand,
} from '@aws-sdk/client-cloudformation';
import type { AwsDeployment } from '../../contract/deployment';
import { describe } from '../../contract/field-error';
import { deploymentOfOutputs } from '../../contract/stack-outputs';
import { type AwsPlace, clientSettings } from './client-settings';
import { StackUnusable } from './stack-unusable';

/** Where to look for a stack. */
export interface StackPlace extends AwsPlace {
  readonly stack: string;
}

export interface StackFacts {
  readonly name: string;
  /** 12 digits. */
  readonly account: string;
  /** As CloudFormation names it: `UPDATE_COMPLETE`. */
  readonly status: string;
  /** Why it has this status; empty where CloudFormation gives no reason. */
  readonly reason: string;
  readonly outputs: Readonly<Record<string, string>>;
}

/** In these the last complete deployment still stands, whatever is being tried on top of it. */
const USABLE = /^CREATE_COMPLETE$|^(?:UPDATE|IMPORT)_/;
const UNDER_WAY = /^(?:CREATE|REVIEW)_IN_PROGRESS$/;

/** @throws StackUnusable when there is no such stack, or none that stands; what the SDK throws for anything else. */
export async function deploymentOfStack(place: StackPlace): Promise<AwsDeployment> {
  return deploymentOfFacts(await describeStack(place), place);
}

/** @throws StackUnusable when there is no stack of that name. */
export async function describeStack(place: StackPlace): Promise<StackFacts> {
  const client = new CloudFormationClient(clientSettings(place));
  try {
    const { Stacks } = await client.send(new DescribeStacksCommand({ StackName: place.stack }));
    const [stack] = Stacks ?? [];
    if (!stack) throw noSuchStack(place);
    return {
      name: stack.StackName ?? place.stack,
      account: stack.StackId?.split(':')[4] ?? '',
      status: stack.StackStatus ?? '',
      reason: stack.StackStatusReason ?? '',
      outputs: Object.fromEntries((stack.Outputs ?? []).map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue])),
    };
  } catch (error) {
    throw isNoSuchStack(error) ? noSuchStack(place) : error;
  } finally {
    client.destroy();
  }
}

/** @throws StackUnusable when the stack does not stand, or lacks an output. */
export function deploymentOfFacts(stack: StackFacts, place: StackPlace): AwsDeployment {
  requireUsable(stack);
  const { region, endpoint, endpoints, aws_profile } = place;
  return {
    ...deploymentOf(stack, region),
    ...(endpoint !== undefined && { endpoint }),
    ...(endpoints !== undefined && { endpoints }),
    ...(aws_profile !== undefined && { aws_profile }),
  };
}

function requireUsable({ name, status, reason }: StackFacts): void {
  if (USABLE.test(status)) return;
  const isUnderWay = UNDER_WAY.test(status);
  const advice = isUnderWay ? 'wait until it is complete' : 'see its events in CloudFormation, then deploy again';
  const why = reason === '' ? '' : ` (${reason})`;
  throw new StackUnusable(`The stack ${name} must be complete, got ${status}${why}: ${advice}.`, !isUnderWay);
}

function deploymentOf({ name, outputs }: StackFacts, region: string): AwsDeployment {
  try {
    return deploymentOfOutputs(outputs, region);
  } catch (error) {
    const { message } = error as Error;
    throw new StackUnusable(`The stack ${name} must be one of this service, of this version: ${message}`, true);
  }
}

/** CloudFormation has no error of its own for it. */
function isNoSuchStack(error: unknown): boolean {
  return (
    error instanceof CloudFormationServiceException &&
    error.name === 'ValidationError' &&
    error.message.includes('does not exist')
  );
}

function noSuchStack({ stack, region }: StackPlace): StackUnusable {
  const rule = `one that is deployed in ${region} in the account of these credentials`;
  return new StackUnusable(`stack must be ${rule}, got ${describe(stack)}, which is not.`, true);
}
