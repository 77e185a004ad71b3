/** A stack with the parts that AWS Batch needs around it, of the real classes. */
import { App, Stack, Validations } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks } from 'cdk-nag';
import cdkJson from '../../../cdk.json';
import { EncryptionKey } from '../../../infra/encryption-key';
import { GpuCompute } from '../../../infra/gpu/gpu-compute';
import { Network } from '../../../infra/network';
import { FlowQueue } from '../../../infra/queue';
import { parseSettings, type Settings } from '../../../infra/settings';
import { Storage } from '../../../infra/storage';
import { TrainingCompute } from '../../../infra/training/training-compute';

// Judging a template by CloudFormation's schemas takes seconds: the tests that want it switch it on.
process.env.CDK_VALIDATION = 'false';

/** In no registry: a template needs no image. */
export const IMAGE = `registry.example/worker@sha256:${'0'.repeat(64)}`;
export const DEPLOYMENT = '{"type":"aws"}';

interface Built {
  readonly stack: Stack;
  readonly settings: Settings;
  readonly storage: Storage;
  readonly network: Network;
}

/** @param value as under `mv2id` in cdk.json. */
export function gpuTemplate(value: { gpu?: object } & Record<string, unknown> = {}): Template {
  const built = build({ ...value, gpu: { image: IMAGE, ...value.gpu } });
  addGpu(built);
  return Template.fromStack(built.stack);
}

/** @param value as under `mv2id` in cdk.json; training is enabled. */
export function trainingTemplate(value: { training?: object } & Record<string, unknown> = {}): Template {
  const built = build({ ...value, training: { enabled: true, image: IMAGE, ...value.training } });
  new TrainingCompute(built.stack, 'Training', built);
  return Template.fromStack(built.stack);
}

/** Runs cdk-nag over everything: throws, and prints, when it finds something. */
export function checkWithNag(value: Record<string, unknown>): void {
  const built = build(value);
  Validations.of(built.stack.node.root).addPlugins(new AwsSolutionsChecks(built.stack.node.root));
  addGpu(built);
  new TrainingCompute(built.stack, 'Training', built);
  (built.stack.node.root as App).synth();
}

/**
 * What a role may do, an action and a resource a line, sorted. Names of resources are those in the template without their hash; ARNs
 * are without what every stack of an account has.
 */
export function statementsOf(template: Template, role: string): string[] {
  const policies = Object.entries(template.findResources('AWS::IAM::Policy'));
  const [policy] = policies.flatMap(([id, found]) => (id.startsWith(`${role}DefaultPolicy`) ? [found] : []));
  const statements: Statement[] = policy?.Properties.PolicyDocument.Statement ?? [];
  return statements
    .flatMap(({ Action, Resource, Condition }) =>
      list(Action).flatMap((action) =>
        list(Resource).map(
          (resource) => `${action} ${nameOf(resource)}${Condition ? ` if ${JSON.stringify(Condition)}` : ''}`,
        ),
      ),
    )
    .sort();
}

type Reference =
  | string
  | { 'Fn::GetAtt': [string, string] }
  | { 'Fn::Join': ['', Reference[]] }
  | { 'Fn::Sub': string }
  | { Ref: string };

interface Statement {
  readonly Action: string | string[];
  readonly Resource: Reference | Reference[];
  readonly Condition?: object;
}

function list<T>(value: T | T[]): T[] {
  return Array.isArray(value) ? value : [value];
}

function nameOf(reference: Reference): string {
  if (typeof reference === 'string') return reference.replace(/^arn:aws:/, 'arn:');
  if ('Fn::GetAtt' in reference) return reference['Fn::GetAtt'][0].replace(/[0-9A-F]{8}$/, '');
  if ('Ref' in reference) return reference.Ref.startsWith('AWS::') ? '' : reference.Ref;
  if ('Fn::Sub' in reference) return reference['Fn::Sub'].replace(/\$\{AWS::\w+\}/g, '');
  return reference['Fn::Join'][1]
    .map(nameOf)
    .join('')
    .replace(/^arn::/, 'arn:')
    .replace(':::', ':');
}

function build(value: Record<string, unknown>): Built {
  const settings = parseSettings(value);
  const stack = new Stack(new App({ context: { ...cdkJson.context, 'aws:cdk:bundling-stacks': [] } }), 'Stack');
  const key = settings.encryption === 'customer_managed' ? new EncryptionKey(stack, 'Key', { settings }) : undefined;
  return {
    stack,
    settings,
    storage: new Storage(stack, 'Storage', { settings, key }),
    network: new Network(stack, 'Network', { settings, key }),
  };
}

function addGpu({ stack, settings, storage, network }: Built): GpuCompute {
  return new GpuCompute(stack, 'Gpu', {
    settings,
    names: { jobQueueName: `${settings.stack_name}-jobs`, jobDefinitionName: `${settings.stack_name}-worker` },
    storage,
    network,
    webhooks: new FlowQueue(stack, 'Webhooks', {
      name: 'webhooks',
      visibilitySeconds: 360,
      maxReceiveCount: 5,
      key: storage.key,
    }),
    deployment: DEPLOYMENT,
  });
}
