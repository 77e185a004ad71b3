/**
 * The tables of docs/cost.md: clips at published speeds, cold starts, and what a stack costs while nobody uses it.
 *
 *   npm run bench:cost
 */
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import cdkJson from '../cdk.json';
import { PipelineStack } from '../infra/pipeline-stack';
import { parseSettings } from '../infra/settings';
import { clipTable, coldStartTable, serviceUsd, sizeTable, sourceTable } from './cost/clips';
import { type IdleItem, idleItems, idleTable } from './cost/idle';

/** In no registry: a template needs no image. */
const IMAGE = `registry.example/worker@sha256:${'0'.repeat(64)}`;

/** Of the stack that these settings make. */
function idleItemsOf(value: Record<string, unknown>): IdleItem[] {
  const settings = parseSettings({ ...value, gpu: { image: IMAGE } });
  const app = new App({ context: { ...cdkJson.context, 'aws:cdk:bundling-stacks': [] } });
  const stack = new PipelineStack(app, settings.stack_name, { settings });
  return idleItems(Template.fromStack(stack).toJSON().Resources);
}

/** By the name under which docs/cost.md has them. */
export function costTables(): Record<string, string> {
  return {
    clips: clipTable(),
    sources: sourceTable(),
    'cold starts': coldStartTable(),
    sizes: sizeTable(['g6e.xlarge', 'g6e.2xlarge', 'g6e.4xlarge']),
    idle: idleTable(idleItemsOf({})),
    'idle, everything on': idleTable(idleItemsOf({ encryption: 'customer_managed', network: { access: 'endpoints' } })),
    'service, a job': `$${serviceUsd(true).toFixed(4)} with webhooks of progress, $${serviceUsd(false).toFixed(4)} without`,
  };
}

if (require.main === module) {
  process.env.CDK_VALIDATION = 'false';
  for (const [name, text] of Object.entries(costTables())) console.log(`${name}\n\n${text}\n`);
}
