/**
 * Every permission that a role has, as a table in the snapshot: a permission that grows is a line in a diff, and somebody reads it.
 */
import { flattenCfnReference } from 'cdk-nag/lib/utils/flatten-cfn-reference';
import { type Resource, resourcesOf, stackTemplate } from './stack-template';

interface Statement {
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
}

interface Permission {
  readonly role: string;
  readonly action: string;
  readonly resource: string;
  readonly condition: string;
}

/** The hash that CDK puts behind the path of a construct. */
const ID_HASH = /(?<=[A-Za-z])[0-9A-F]{8}(?=[.>]|$)/g;
/** AWS lets these be bound to nothing narrower. */
const KNOW_NO_RESOURCES = ['batch:DescribeJobs', 'ecs:DiscoverPollEndpoint', 'ecr:GetAuthorizationToken'];
/** What Batch itself and its instances do, all of which AWS writes the policy of. */
const ROLES_WITH_MANAGED_POLICIES: readonly string[] = [];

const template = stackTemplate({ training: { enabled: true } });
const permissions = permissionsOf(resourcesOf(template));

test('the roles may do exactly this', () => {
  const lines = permissions.map(
    ({ role, action, resource, condition }) => `${role} | ${action} | ${resource}${condition}`,
  );
  expect(`\n${[...new Set(lines)].sort().join('\n')}\n`).toMatchSnapshot();
});

test('no action is a wildcard', () => {
  expect(permissions.filter(({ action }) => action.includes('*'))).toEqual([]);
});

test('everything is bound to resources that can be', () => {
  const unbound = permissions.filter(({ resource, condition }) => resource === '*' && condition === '');
  expect(unbound.filter(({ action }) => !KNOW_NO_RESOURCES.includes(action))).toEqual([]);
});

test('no role has a policy that AWS may change', () => {
  const roles = Object.entries(resourcesOf(template, 'AWS::IAM::Role'));
  const managed = roles.filter(([, { Properties }]) => Properties.ManagedPolicyArns?.length > 0).map(([id]) => id);
  expect(managed).toEqual(ROLES_WITH_MANAGED_POLICIES);
});

test('nobody but the service itself assumes a role', () => {
  for (const { Properties } of Object.values(resourcesOf(template, 'AWS::IAM::Role'))) {
    for (const { Principal } of Properties.AssumeRolePolicyDocument.Statement) {
      expect(Object.keys(Principal)).toEqual(['Service']);
    }
  }
});

test('only the functions that stop jobs reach Batch, and only submit starts them', () => {
  const may = (action: string) => rolesWith(action).filter((role) => role.endsWith('FunctionRole'));
  expect(may('batch:SubmitJob')).toEqual(['SubmitFunctionRole']);
  expect(may('batch:TerminateJob')).toEqual(['ReconcileFunctionRole', 'SubmitFunctionRole', 'ValidateFunctionRole']);
});

test('only notify reads the webhook secret', () => {
  expect(rolesWith('secretsmanager:GetSecretValue')).toEqual(['NotifyFunctionRole']);
});

test('notify, which strangers make send requests, reaches results, its records, its queue and its secret', () => {
  const reached = permissions.filter(({ role }) => role === 'NotifyFunctionRole').map(({ resource }) => resource);
  expect([...new Set(reached)].sort()).toEqual([
    '<NotifyFunctionLogs.Arn>',
    '<SigningSecret>',
    '<Storageresults.Arn>',
    '<Storageresults.Arn>/jobs/*',
    '<Storagetable.Arn>',
    '<WebhooksDeadLetters.Arn>',
    '<WebhooksQueue.Arn>',
  ]);
});

test('nobody writes into uploads', () => {
  const writes = permissions.filter(
    ({ action, resource }) => resource.includes('Storageuploads') && /Put|Delete/.test(action),
  );
  expect(writes).toEqual([]);
});

function rolesWith(action: string): string[] {
  const roles = permissions.filter((permission) => permission.action === action).map(({ role }) => role);
  return [...new Set(roles)].sort();
}

function permissionsOf(resources: Record<string, Resource>): Permission[] {
  return Object.entries(resources).flatMap(([id, { Type, Properties }]) => {
    if (Type === 'AWS::IAM::Role') {
      const policies: { PolicyDocument: { Statement: Statement[] } }[] = Properties.Policies ?? [];
      return policies.flatMap(({ PolicyDocument }) => allowed(nameOf(id), PolicyDocument.Statement));
    }
    if (Type !== 'AWS::IAM::Policy') return [];
    const roles: { Ref: string }[] = Properties.Roles;
    return roles.flatMap(({ Ref }) => allowed(nameOf(Ref), Properties.PolicyDocument.Statement));
  });
}

function allowed(role: string, statements: readonly Statement[]): Permission[] {
  return statements
    .filter(({ Effect }) => Effect === 'Allow')
    .flatMap(({ Action, Resource: resources, Condition }) =>
      [Action].flat().flatMap((action) =>
        [resources].flat().map((resource) => ({
          role,
          action,
          resource: nameOf(flattenCfnReference(resource)),
          condition: Condition === undefined ? '' : ` | when ${nameOf(flattenCfnReference(Condition))}`,
        })),
      ),
    );
}

function nameOf(id: string): string {
  return id.replaceAll(ID_HASH, '');
}
