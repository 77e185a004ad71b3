/**
 * The stack as an emulator can deploy it: without Batch, which the local one plays, and with functions for the processor of this
 * machine. What else the emulator does not take is left out, and named.
 */
import path from 'node:path';
import { App } from 'aws-cdk-lib';
import { CfnAlarm } from 'aws-cdk-lib/aws-cloudwatch';
import { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { FACE_MODELS } from '../../contract/env';
import { PipelineStack } from '../../infra/pipeline-stack';
import { parseSettings } from '../../infra/settings';
import { EMULATED_BATCH, EMULATED_STACK } from './emulated-stack';

/** A public network with a receiver in it, for the functions. */
const PUBLIC_RECEIVER = path.join(__dirname, 'public-receiver.js');
/** The emulator finds the packages of a layer, and unpacks it elsewhere than into /opt. */
const FACE_MODELS_FOLDER = path.resolve(__dirname, '../../models/faces');

const app = new App();
const settings = parseSettings({
  stack_name: EMULATED_STACK,
  lambda: { architecture: process.arch === 'arm64' ? 'arm64' : 'x86_64' },
  // The emulator has no AWS::Budgets::Budget.
  operations: { monthly_budget_usd: 0 },
});
const stack = new PipelineStack(app, EMULATED_STACK, { settings, batch: EMULATED_BATCH });
for (const part of stack.node.findAll()) {
  if (part instanceof LambdaFunction) {
    part.addEnvironment('NODE_OPTIONS', `--require ${PUBLIC_RECEIVER}`);
    part.addEnvironment(FACE_MODELS, FACE_MODELS_FOLDER);
  }
  if (!(part instanceof CfnAlarm) || part.metrics === undefined) continue;
  process.stdout.write(`Left out, the emulator has no metric math: ${part.node.path}\n`);
  part.node.scope?.node.tryRemoveChild(part.node.id);
}
