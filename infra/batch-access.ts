/** Jobs in AWS Batch as the stages use them. By name, so that the functions need not wait for what Batch is made of, or know it. */
import { Stack } from 'aws-cdk-lib';
import type * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { allow } from './allow';

export interface BatchNames {
  readonly jobQueueName: string;
  readonly jobDefinitionName: string;
}

export class BatchAccess extends Construct {
  readonly jobQueueName: string;
  readonly jobDefinitionName: string;
  readonly jobQueueArn: string;

  constructor(scope: Construct, id: string, { jobQueueName, jobDefinitionName }: BatchNames) {
    super(scope, id);
    this.jobQueueName = jobQueueName;
    this.jobDefinitionName = jobDefinitionName;
    this.jobQueueArn = this.arn('job-queue', jobQueueName);
  }

  allowSubmit(grantee: iam.IGrantable): void {
    const definition = this.arn('job-definition', this.jobDefinitionName);
    allow(
      grantee,
      ['batch:SubmitJob'],
      [this.jobQueueArn, definition, `${definition}:*`],
      'Every deployment makes another revision of the job definition.',
    );
  }

  allowDescribe(grantee: iam.IGrantable): void {
    allow(grantee, ['batch:DescribeJobs'], ['*'], 'batch:DescribeJobs knows no resources.');
  }

  /** Stopping a job that has ended is an error to Batch, so whoever stops one also asks how it is. */
  allowTerminate(grantee: iam.IGrantable): void {
    allow(
      grantee,
      ['batch:TerminateJob'],
      [this.arn('job', '*')],
      'Batch names its jobs itself, and a policy cannot bind them to a queue.',
    );
    this.allowDescribe(grantee);
  }

  private arn(resource: string, resourceName: string): string {
    return Stack.of(this).formatArn({ service: 'batch', resource, resourceName });
  }
}
