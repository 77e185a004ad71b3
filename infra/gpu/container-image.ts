/** The image of a container: built from the repository while deploying, or one that is in a registry already. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Stack } from 'aws-cdk-lib';
import * as ecr from 'aws-cdk-lib/aws-ecr';
import * as ecrAssets from 'aws-cdk-lib/aws-ecr-assets';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import type { Construct } from 'constructs';

export interface ContainerImageProps {
  /**
   * In the repository, such as gpu-worker/Dockerfile. The file beside it, gpu-worker/Dockerfile.dockerignore, says what of the
   * repository it reads: a change elsewhere is no reason to build.
   */
  readonly dockerfile: string;
  /** `<repository>@sha256:<digest>`, in place of building. */
  readonly image?: string;
}

export const REPOSITORY_ROOT = path.join(__dirname, '../..');

const ECR_IMAGE = /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.[a-z.]+\/([^@]+)@(sha256:[0-9a-f]{64})$/;

/** Whoever runs it is allowed to pull it where it lies in ECR, of this account or another. */
export function containerImage(scope: Construct, id: string, props: ContainerImageProps): ecs.ContainerImage {
  if (props.image === undefined) return builtImage(scope, id, props.dockerfile);
  const [, account, region, repositoryName, digest] = ECR_IMAGE.exec(props.image) ?? [];
  if (!account || !region || !repositoryName || !digest) return ecs.ContainerImage.fromRegistry(props.image);
  const repositoryArn = Stack.of(scope).formatArn({
    service: 'ecr',
    resource: 'repository',
    resourceName: repositoryName,
    account,
    region,
  });
  const repository = ecr.Repository.fromRepositoryAttributes(scope, id, { repositoryArn, repositoryName });
  return ecs.ContainerImage.fromEcrRepository(repository, digest);
}

function builtImage(scope: Construct, id: string, dockerfile: string): ecs.ContainerImage {
  const asset = new ecrAssets.DockerImageAsset(scope, id, {
    directory: REPOSITORY_ROOT,
    file: dockerfile,
    platform: ecrAssets.Platform.LINUX_AMD64,
    exclude: readFileSync(path.join(REPOSITORY_ROOT, `${dockerfile}.dockerignore`), 'utf8').split('\n'),
  });
  return ecs.ContainerImage.fromDockerImageAsset(asset);
}
