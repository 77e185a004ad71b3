/** What `cdk` runs: one stack, from the settings under `mv2id` in cdk.json or from `-c mv2id='{"stack_name": "..."}'`. */
import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { bundledPrices } from '../contract/prices';
import { PipelineStack } from './pipeline-stack';
import { readSettings } from './settings';

// A table of prices that is wrong is told here, and not by the functions that are deployed with it.
bundledPrices();
const app = new App();
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
const settings = readSettings(app.node);
new PipelineStack(app, settings.stack_name, { settings });
