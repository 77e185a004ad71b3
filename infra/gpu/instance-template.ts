/** How an instance of AWS Batch is launched: its root volume, its metadata service, and what it does before its first job. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Size } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';

export interface InstanceTemplateProps {
  /** Of the root volume, which holds the images, and the cache where an instance has no disks of its own. */
  readonly disk: Size;
  /** In place of the one that an instance has by default; in CloudFormation's words. */
  readonly networkInterfaces?: readonly object[];
}

/** Run by cloud-init on the instance. */
export const INSTANCE_START_SCRIPT = path.join(__dirname, 'instance-start.sh');

/** Of the AMIs of ECS on Amazon Linux. */
const ROOT_DEVICE = '/dev/xvda';
/** MiB a second; gp3 starts at 125. Images and, without instance storage, weights are written and read here. */
const ROOT_THROUGHPUT = 250;

export class InstanceTemplate extends Construct {
  readonly launchTemplate: ec2.LaunchTemplate;

  constructor(scope: Construct, id: string, { disk, networkInterfaces }: InstanceTemplateProps) {
    super(scope, id);
    this.launchTemplate = new ec2.LaunchTemplate(this, 'LaunchTemplate', {
      requireImdsv2: true,
      // An answer dies on its way into a container's own network. instance-start.sh guards the host's, in which Batch runs jobs.
      httpPutResponseHopLimit: 1,
      blockDevices: [
        {
          deviceName: ROOT_DEVICE,
          volume: ec2.BlockDeviceVolume.ebs(disk.toGibibytes(), {
            encrypted: true,
            volumeType: ec2.EbsDeviceVolumeType.GP3,
            throughput: ROOT_THROUGHPUT,
            deleteOnTermination: true,
          }),
        },
      ],
      userData: userData(),
    });
    const template = this.launchTemplate.node.defaultChild as ec2.CfnLaunchTemplate;
    if (networkInterfaces) template.addPropertyOverride('LaunchTemplateData.NetworkInterfaces', networkInterfaces);
  }
}

/** Batch adds its own part to it, and takes nothing but MIME multipart. */
function userData(): ec2.MultipartUserData {
  const parts = new ec2.MultipartUserData();
  parts.addPart(
    ec2.MultipartBody.fromRawBody({
      contentType: 'text/x-shellscript; charset="us-ascii"',
      body: readFileSync(INSTANCE_START_SCRIPT, 'utf8'),
    }),
  );
  return parts;
}
