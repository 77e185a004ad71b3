import { instanceSize } from '../../../infra/gpu/instance-size';

describe('The size of an instance type', () => {
  it.each([
    ['g6e.xlarge', 4, 1],
    ['g6e.2xlarge', 8, 1],
    ['g6e.16xlarge', 64, 1],
    ['g6e.12xlarge', 48, 4],
    ['g6e.48xlarge', 192, 8],
    ['g7e.12xlarge', 48, 2],
    ['p5.4xlarge', 16, 1],
    ['p5.48xlarge', 192, 8],
    ['p4d.24xlarge', 96, 8],
  ])('%s', (type, vcpus, gpus) => {
    expect(instanceSize(type)).toEqual({ vcpus, gpus });
  });

  it.each(['g4dn.metal', 'p9.2xlarge', 'm7i.large', 'g6e'])('is not known of %s', (type) => {
    expect(instanceSize(type)).toBeNull();
  });
});
