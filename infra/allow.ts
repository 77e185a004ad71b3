/**
 * A permission, written out: these actions on these resources. Whoever uses a wildcard says why, which answers cdk-nag's finding
 * about exactly this wildcard and about no other.
 */
import { Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { flattenCfnReference } from 'cdk-nag/lib/utils/flatten-cfn-reference';
import { acknowledge } from './acknowledge';

/** @param wildcards why resources have to contain `*`, where they do. */
export function allow(grantee: iam.IGrantable, actions: string[], resources: string[], wildcards?: string): void {
  const { grantPrincipal } = grantee;
  grantPrincipal.addToPrincipalPolicy(new iam.PolicyStatement({ actions, resources }));
  if (wildcards === undefined || !iam.Role.isRole(grantPrincipal)) return;
  for (const resource of resources) {
    const text = flattenCfnReference(Stack.of(grantPrincipal).resolve(resource));
    if (text.includes('*')) acknowledge(grantPrincipal, `IAM5[Resource::${text}]`, wildcards);
  }
}
