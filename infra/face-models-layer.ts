/** The face models, with where they come from. A layer of their own: they suit every processor, and seldom change. */
import path from 'node:path';
import { IgnoreMode } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';

const MODELS_FOLDER = path.resolve(__dirname, '../models');

export class FaceModelsLayer extends lambda.LayerVersion {
  /** Where a function finds them: Lambda unpacks layers into /opt. */
  readonly folder = '/opt/faces';

  constructor(scope: Construct, id: string) {
    super(scope, id, {
      description: 'Face models in ONNX',
      compatibleRuntimes: [lambda.Runtime.NODEJS_24_X],
      code: lambda.Code.fromAsset(MODELS_FOLDER, {
        ignoreMode: IgnoreMode.GIT,
        exclude: ['*', '!faces', '!faces/*'],
      }),
    });
  }
}
