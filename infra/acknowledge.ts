/** A finding of cdk-nag that is looked at and accepted, with its reason, in the construct that it concerns. */
import { Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** @param rule of the pack AwsSolutions, such as `IAM5`; for everything in `scope`. */
export function acknowledge(scope: IConstruct, rule: string, reason: string): void {
  Validations.of(scope).acknowledge({ id: `AwsSolutions-${rule}`, reason });
}
