/**
 * The Elastic Fabric Adapter: one interface to a network card, by which the GPUs of several nodes exchange gradients. An instance
 * with more than one interface gets no public address, so all cards are used only where instances reach AWS without one
 * (`network.access: 'endpoints'`); elsewhere it is the first.
 */
import type * as batch from 'aws-cdk-lib/aws-batch';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import type { Settings } from '../settings';

/** With an adapter each; from memory of EC2's pages as of January 2026. Of other types the first card is used. */
const NETWORK_CARDS: Readonly<Record<string, number>> = {
  'p4d.24xlarge': 4,
  'p4de.24xlarge': 4,
  'p5.48xlarge': 32,
  'p5e.48xlarge': 32,
  'p5en.48xlarge': 16,
};

/** @returns 0 without: a run on one node has no use for it. */
export function numAdapters({ network, training }: Settings): number {
  if (!training.efa || training.max_nodes === 1) return 0;
  return network.access === 'endpoints' ? (NETWORK_CARDS[training.instance_type] ?? 1) : 1;
}

/** For a launch template, in CloudFormation's words. The first carries the instance's address, the others the fabric alone. */
export function adapterInterfaces(settings: Settings, securityGroups: readonly ec2.ISecurityGroup[]): object[] {
  const groups = securityGroups.map(({ securityGroupId }) => securityGroupId);
  return Array.from({ length: numAdapters(settings) }, (_, card) => ({
    NetworkCardIndex: card,
    DeviceIndex: card === 0 ? 0 : 1,
    InterfaceType: card === 0 ? 'efa' : 'efa-only',
    Groups: groups,
    DeleteOnTermination: true,
    ...(settings.network.access === 'public_ip' && { AssociatePublicIpAddress: true }),
  }));
}

/** By which a container talks to the adapters. */
export function adapterDevices(settings: Settings): batch.Device[] {
  return Array.from({ length: numAdapters(settings) }, (_, i) => ({ hostPath: `/dev/infiniband/uverbs${i}` }));
}
