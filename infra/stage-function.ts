/** A stage's Lambda function: one bundled file, a role that may do nothing yet but log, and a log group with an end. */
import path from 'node:path';
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as nodejs from 'aws-cdk-lib/aws-lambda-nodejs';
import * as logs from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import * as env from '../contract/env';
import { metricsNamespace } from '../contract/metrics';
import type { Settings } from './settings';

export const STAGE_NAMES = ['validate', 'submit', 'track', 'notify', 'reconcile'] as const;
export type StageName = (typeof STAGE_NAMES)[number];

/** What every stage's construct is given. */
export interface StageSettings {
  readonly settings: Settings;
  /** JSON of contract/deployment.ts. */
  readonly deployment: string;
  readonly key?: kms.IKey;
}

export interface StageFunctionProps extends StageSettings {
  readonly stage: StageName;
  readonly description: string;
  /** Lambda gives a processor core for every 1,769 MB. */
  readonly memoryMb: number;
  readonly layers?: readonly lambda.ILayerVersion[];
  /** Packages that the layers bring: they are not bundled. */
  readonly layerPackages?: readonly string[];
  /** Variables beside those of every stage. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** How long a call may take. The visibility of a stage's queue follows from it. */
export const STAGE_TIMEOUT_SECONDS: Readonly<Record<StageName, number>> = {
  // Eight photos of 32 MB and 64 megapixels.
  validate: 180,
  submit: 60,
  track: 60,
  // A try takes 15 s at most, and those of a batch run beside each other.
  notify: 60,
  // Less than the time from one run to the next.
  reconcile: 540,
};

const ROOT = path.resolve(__dirname, '..');
/** The ports of a local deployment, with their native store: a function never opens them. */
const LOCAL_PORTS = '*/local/local-ports';

export class StageFunction extends nodejs.NodejsFunction {
  constructor(scope: Construct, id: string, props: StageFunctionProps) {
    const { stage, settings, deployment, key, description, memoryMb, layers = [], layerPackages = [] } = props;
    const logGroup = new logs.LogGroup(scope, `${id}Logs`, {
      retention: settings.retention.logs_days,
      encryptionKey: key,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const role = new iam.Role(scope, `${id}Role`, {
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      description,
    });
    super(scope, id, {
      description,
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: settings.lambda.architecture === 'arm64' ? lambda.Architecture.ARM_64 : lambda.Architecture.X86_64,
      entry: path.join(ROOT, 'lambdas', `${stage}.lambda.ts`),
      handler: 'handler',
      projectRoot: ROOT,
      depsLockFilePath: path.join(ROOT, 'package-lock.json'),
      role,
      logGroup,
      layers: [...layers],
      memorySize: memoryMb,
      timeout: Duration.seconds(STAGE_TIMEOUT_SECONDS[stage]),
      environment: {
        [env.DEPLOYMENT]: deployment,
        [env.METRICS_NAMESPACE]: metricsNamespace(settings.stack_name),
        NODE_OPTIONS: '--enable-source-maps',
        ...props.environment,
      },
      bundling: {
        target: 'node24',
        minify: true,
        keepNames: true,
        sourceMap: true,
        sourcesContent: false,
        // The SDK that was tested, and not the one that the runtime happens to have.
        bundleAwsSDK: true,
        externalModules: [LOCAL_PORTS, ...layerPackages],
      },
    });
    // What every stage may do
    logGroup.grantWrite(this);
  }
}
