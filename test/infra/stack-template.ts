/** The whole stack's template, of the real classes: without bundles and without CDK's own validation it takes a fraction of a second. */
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import cdkJson from '../../cdk.json';
import { PipelineStack, type PipelineStackProps } from '../../infra/pipeline-stack';
import { parseSettings } from '../../infra/settings';

process.env.CDK_VALIDATION = 'false';
process.env.CDK_DISABLE_STACK_TRACE = 'true';

/** In no registry: a template needs no image. */
export const IMAGE = `registry.example/worker@sha256:${'0'.repeat(64)}`;

export interface Resource {
  readonly Type: string;
  // biome-ignore lint/suspicious/noExplicitAny: CloudFormation's properties, as deep as they go.
  readonly Properties: any;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
  readonly DependsOn?: readonly string[];
}

/** @param value as under `mv2id` in cdk.json. */
export function pipelineStack(
  value: Record<string, unknown> = {},
  props: Omit<PipelineStackProps, 'settings'> = {},
): PipelineStack {
  const settings = parseSettings(value);
  const app = new App({ context: { ...cdkJson.context, 'aws:cdk:bundling-stacks': [] } });
  return new PipelineStack(app, settings.stack_name, { ...props, settings });
}

/** @param value as under `mv2id` in cdk.json. Images are not built. */
export function stackTemplate(
  value: { gpu?: object; training?: object } & Record<string, unknown> = {},
  props: Omit<PipelineStackProps, 'settings'> = {},
): Template {
  const gpu = { image: IMAGE, ...value.gpu };
  const training = { image: IMAGE, ...value.training };
  return Template.fromStack(pipelineStack({ ...value, gpu, training }, props));
}

/** Logical id -> resource. */
export function resourcesOf(template: Template, type?: string): Record<string, Resource> {
  const resources: Record<string, Resource> = template.toJSON().Resources;
  return Object.fromEntries(Object.entries(resources).filter(([, { Type }]) => type === undefined || Type === type));
}

/** The one resource whose logical id starts so. */
export function resourceOf(template: Template, type: string, idPrefix: string): [string, Resource] {
  const found = Object.entries(resourcesOf(template, type)).filter(([id]) => id.startsWith(idPrefix));
  const [first] = found;
  if (!first || found.length > 1) {
    throw new Error(
      `${idPrefix} must begin the id of one ${type}, got ${found.map(([id]) => id).join(', ') || 'none'}.`,
    );
  }
  return first;
}
