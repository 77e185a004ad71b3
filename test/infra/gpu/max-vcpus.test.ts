import { maxVcpus } from '../../../infra/gpu/max-vcpus';

describe('The limit of a compute environment', () => {
  it('is met by so many instances of one GPU', () => {
    expect(maxVcpus({ maxGpus: 4, instanceTypes: ['g6e.2xlarge'], jobVcpus: 4 })).toBe(4 * 8);
    expect(maxVcpus({ maxGpus: 7, instanceTypes: ['g6e.xlarge'], jobVcpus: 4 })).toBe(7 * 4);
  });

  it('is that of the smallest of several types', () => {
    const instanceTypes = ['g6e.2xlarge', 'g6e.xlarge', 'g6e.4xlarge'];
    expect(maxVcpus({ maxGpus: 4, instanceTypes, jobVcpus: 4 })).toBe(4 * 4);
  });

  it('counts the GPUs of an instance with several', () => {
    expect(maxVcpus({ maxGpus: 16, instanceTypes: ['p5.48xlarge'], jobVcpus: 8 })).toBe(2 * 192);
  });

  it('lets one instance run that has more than are asked for', () => {
    expect(maxVcpus({ maxGpus: 1, instanceTypes: ['p5.48xlarge'], jobVcpus: 8 })).toBe(192);
  });

  it('is that of the jobs for a type that is not known', () => {
    expect(maxVcpus({ maxGpus: 3, instanceTypes: ['p9.9xlarge', 'g6e.2xlarge'], jobVcpus: 6 })).toBe(3 * 6);
  });

  it.each(['g6e.xlarge', 'g6e.2xlarge', 'g5.16xlarge', 'p5.4xlarge'])(
    'is never passed by GPUs, though Batch passes it by an instance: %s',
    (type) => {
      for (const maxGpus of [1, 2, 3, 10, 1000]) {
        const limit = maxVcpus({ maxGpus, instanceTypes: [type], jobVcpus: 4 });
        expect(instancesLaunched(limit, VCPUS[type] as number)).toBe(maxGpus);
      }
    },
  );
});

const VCPUS: Readonly<Record<string, number>> = {
  'g6e.xlarge': 4,
  'g6e.2xlarge': 8,
  'g5.16xlarge': 64,
  'p5.4xlarge': 16,
};

/** As Batch does for an endless queue: another one as long as the limit is not reached. */
function instancesLaunched(limit: number, vcpus: number): number {
  let instances = 0;
  while (instances * vcpus < limit) instances++;
  return instances;
}
