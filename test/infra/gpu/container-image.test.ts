import { readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { App, Size, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as batch from 'aws-cdk-lib/aws-batch';
import type * as ecs from 'aws-cdk-lib/aws-ecs';
import { containerImage, REPOSITORY_ROOT } from '../../../infra/gpu/container-image';
import { statementsOf } from './gpu-stack';

const DIGEST = `sha256:${'a'.repeat(64)}`;

describe('The image of a container', () => {
  it('is built for the processors of GPU instances, from what its Dockerfile reads and nothing else', () => {
    const { app, stack } = stackOf((scope) => containerImage(scope, 'Image', { dockerfile: 'gpu-worker/Dockerfile' }));
    const assembly = app.synth();
    try {
      const manifest = JSON.parse(
        readFileSync(path.join(assembly.directory, `${stack.artifactId}.assets.json`), 'utf8'),
      );
      const [image] = Object.values<{ source: Record<string, string> }>(manifest.dockerImages);
      expect(image?.source).toMatchObject({ dockerFile: 'gpu-worker/Dockerfile', platform: 'linux/amd64' });
      const staged = path.join(assembly.directory, String(image?.source.directory));
      expect(readdirSync(staged).sort()).toEqual(namesIn('gpu-worker/Dockerfile.dockerignore'));
      expect(readdirSync(path.join(staged, 'gpu-worker'))).toContain('Dockerfile');
      // A folder of a folder that is not read as a whole.
      expect(readdirSync(path.join(staged, 'models'))).toEqual(['faces']);
    } finally {
      rmSync(assembly.directory, { recursive: true, force: true });
    }
  });

  it('that was built is pulled from the one repository that it was put into', () => {
    const { template } = stackOf((scope) => containerImage(scope, 'Image', { dockerfile: 'gpu-worker/Dockerfile' }));
    const pulled = statementsOf(template(), 'ContainerExecutionRole');
    expect(pulled.filter((line) => line.endsWith(' *'))).toEqual(['ecr:GetAuthorizationToken *']);
    const repository = 'arn:ecr:repository/cdk-hnb659fds-container-assets--';
    expect(pulled).toContain(`ecr:BatchGetImage ${repository}`);
    expect(pulled.filter((line) => line.startsWith('ecr:') && line.endsWith(` ${repository}`))).toHaveLength(3);
  });

  it.each([
    ['of another account', `123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/worker@${DIGEST}`],
    ['in China', `123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/team/worker@${DIGEST}`],
  ])('in ECR, %s, is pulled from its repository', (_, image) => {
    const { template } = stackOf((scope) => containerImage(scope, 'Image', { dockerfile: 'none', image }));
    const region = image.split('.')[3];
    expect(statementsOf(template(), 'ContainerExecutionRole')).toContain(
      `ecr:BatchGetImage arn:ecr:${region}:123456789012:repository/team/worker`,
    );
    expect(imageIn(template())).toContain(`/team/worker@${DIGEST}`);
  });

  it('in another registry is named as it is', () => {
    const image = `registry.example:5000/team/worker@${DIGEST}`;
    const { template } = stackOf((scope) => containerImage(scope, 'Image', { dockerfile: 'none', image }));
    expect(imageIn(template())).toBe(JSON.stringify(image));
    expect(statementsOf(template(), 'ContainerExecutionRole').filter((line) => line.startsWith('ecr:'))).toEqual([]);
  });
});

function stackOf(image: (scope: Stack) => ecs.ContainerImage) {
  const app = new App();
  const stack = new Stack(app, 'Stack');
  new batch.EcsJobDefinition(stack, 'Definition', {
    container: new batch.EcsEc2ContainerDefinition(stack, 'Container', {
      image: image(stack),
      cpu: 1,
      memory: Size.gibibytes(1),
    }),
  });
  return { app, stack, template: () => Template.fromStack(stack) };
}

function imageIn(template: Template): string {
  const [definition] = Object.values(template.findResources('AWS::Batch::JobDefinition'));
  return JSON.stringify(definition?.Properties.ContainerProperties.Image);
}

/** What an ignore list lets in of the repository's top folder. */
function namesIn(file: string): string[] {
  const lines = readFileSync(path.join(REPOSITORY_ROOT, file), 'utf8').split('\n');
  return lines.flatMap((line) => (line.startsWith('!') ? [line.slice(1).split('/')[0]!] : [])).sort();
}
