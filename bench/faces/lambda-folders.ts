/** The validate function as Lambda has it on its disk, for this machine's processor: synthesised by the real stack, unpacked like there. */
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { App } from 'aws-cdk-lib';
import cdkJson from '../../cdk.json';
import { PipelineStack } from '../../infra/pipeline-stack';
import { parseSettings } from '../../infra/settings';

export interface LambdaFolders {
  /** /var/task: index.js. */
  readonly task: string;
  /** /opt: what the layers bring. */
  readonly opt: string;
}

/** In no registry: nothing is built or pulled. */
const IMAGE = `registry.example/worker@sha256:${'0'.repeat(64)}`;

interface Resource {
  readonly Type: string;
  readonly Metadata?: Readonly<Record<string, string>>;
}

/** @param folder gets them, and the assembly that they are from. */
export function lambdaFolders(folder: string): LambdaFolders {
  process.env.CDK_VALIDATION = 'false';
  const architecture = process.arch === 'arm64' ? 'arm64' : 'x86_64';
  const settings = parseSettings({ lambda: { architecture }, gpu: { image: IMAGE } });
  // As the command line asks for it: the template names the folder of each asset.
  const context = { ...cdkJson.context, 'aws:cdk:enable-asset-metadata': true };
  const app = new App({ outdir: path.join(folder, 'assembly'), context });
  const stack = new PipelineStack(app, settings.stack_name, { settings });
  const assembly = app.synth();
  const resources: Record<string, Resource> = assembly.getStackArtifact(stack.artifactId).template.Resources;
  const assetsOf = (type: string, idPrefix: string) =>
    Object.entries(resources)
      .filter(([id, { Type }]) => Type === type && id.startsWith(idPrefix))
      .map(([, { Metadata }]) => path.join(assembly.directory, Metadata!['aws:asset:path']!));

  const [task] = assetsOf('AWS::Lambda::Function', 'Validate');
  const opt = path.join(folder, 'opt');
  for (const layer of assetsOf('AWS::Lambda::LayerVersion', 'Validate')) cpSync(layer, opt, { recursive: true });
  return { task: task!, opt };
}

/** Bytes on the disk, and about those of a zip archive of it. */
export function sizesOf(folder: string): { readonly unpacked: number; readonly zipped: number } {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  let [unpacked, zipped] = [0, 0];
  for (const { parentPath, name } of files) {
    const bytes = readFileSync(path.join(parentPath, name));
    unpacked += bytes.length;
    zipped += deflateRawSync(bytes).length;
  }
  return { unpacked, zipped };
}
