/** The start script of an instance, run by bash on a host whose disks and metadata service are played. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { InstanceSchema } from '../../../contract/instance';
import { INSTANCE_START_SCRIPT } from '../../../infra/gpu/instance-template';

interface Host {
  readonly disks?: readonly string[];
  readonly divided?: string;
  readonly mounted?: string;
  readonly lifeCycle?: string;
  /** Commands that the machine does not have. */
  readonly missing?: readonly string[];
  /** Commands that fail. */
  readonly broken?: readonly string[];
}

const FAKE = path.join(__dirname, 'fake-host.sh');
const COMMANDS = ['dnf', 'lsblk', 'mdadm', 'mkfs.xfs', 'mount', 'chown', 'curl', 'iptables'];
/** Of the machine that tests. Nothing else of it can be reached: this script makes file systems. */
const TOOLS = ['basename', 'bash', 'cat', 'chmod', 'grep', 'ln', 'mkdir', 'mv', 'timeout', 'tr', 'wc'];
const ROOT_VOLUME = '/dev/nvme0n1 Amazon Elastic Block Store';
const [FIRST, SECOND] = ['/dev/nvme1n1', '/dev/nvme2n1'].map((disk) => `${disk} Amazon EC2 NVMe Instance Storage`) as [
  string,
  string,
];

let home: string;

beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), 'mv2id-host-'));
});

afterEach(() => rmSync(home, { recursive: true, force: true }));

it('is a script that bash can read', () => {
  expect(spawnSync('bash', ['-n', INSTANCE_START_SCRIPT]).status).toBe(0);
});

describe('The agent', () => {
  it('drains before Spot takes the instance, waits for the worker, keeps images', () => {
    start();
    expect(read('etc/ecs/ecs.config').split('\n')).toEqual([
      'ECS_ENABLE_SPOT_INSTANCE_DRAINING=true',
      'ECS_CONTAINER_STOP_TIMEOUT=110s',
      'ECS_IMAGE_PULL_BEHAVIOR=prefer-cached',
      'ECS_AWSVPC_BLOCK_IMDS=true',
      '',
    ]);
  });
});

describe('The cache', () => {
  it('is on the root volume of an instance without disks of its own', () => {
    expect(start()).toContain('the cache is on the root volume');
    expect(called('mkfs.xfs')).toEqual([]);
    expect(called('mount')).toEqual([]);
    expect(existsSync(state('cache'))).toBe(true);
  });

  it('is on the disk of the instance', () => {
    expect(start({ disks: [FIRST] })).toContain('the cache is on /dev/nvme1n1');
    expect(called('mdadm')).toEqual([]);
    expect(called('mkfs.xfs')).toEqual(['-f -q /dev/nvme1n1']);
    expect(called('mount')).toEqual([`-o noatime,nodev,nosuid /dev/nvme1n1 ${state('cache')}`]);
  });

  it('is on all disks of the instance together', () => {
    start({ disks: [FIRST, SECOND] });
    expect(called('mdadm')).toEqual([
      '--create /dev/md/mv2id --run --level=0 --raid-devices=2 /dev/nvme1n1 /dev/nvme2n1',
    ]);
    expect(called('mkfs.xfs')).toEqual(['-f -q /dev/md/mv2id']);
    expect(called('mount')).toEqual([`-o noatime,nodev,nosuid /dev/md/mv2id ${state('cache')}`]);
  });

  it('is on the first disk where they cannot be joined', () => {
    expect(start({ disks: [FIRST, SECOND], broken: ['mdadm'] })).toContain('cannot be joined');
    expect(called('mkfs.xfs')).toEqual(['-f -q /dev/nvme1n1']);
  });

  it('gets what the machine lacks from the packages of Amazon Linux', () => {
    start({ disks: [FIRST, SECOND], missing: ['mdadm'] });
    expect(called('dnf')).toEqual(['install --quiet --assumeyes mdadm']);
    expect(called('mkfs.xfs')).toEqual(['-f -q /dev/md/mv2id']);
    start({ disks: [FIRST, SECOND], missing: ['mdadm'], broken: ['dnf'] });
    expect(called('mkfs.xfs')).toEqual(['-f -q /dev/nvme1n1']);
  });

  it('leaves a disk alone that is in use', () => {
    start({ disks: [FIRST, SECOND], divided: '/dev/nvme1n1', mounted: '/dev/nvme2n1' });
    expect(called('mkfs.xfs')).toEqual([]);
    start({ disks: [FIRST, SECOND], mounted: '/dev/nvme1n1' });
    expect(called('mkfs.xfs')).toEqual(['-f -q /dev/nvme2n1']);
  });

  it.each(['mkfs.xfs', 'mount', 'lsblk'])('stays on the root volume where %s fails', (command) => {
    expect(start({ disks: [FIRST], broken: [command] })).toContain('the cache is on the root volume');
  });

  it('belongs to the user of the containers, once it is mounted', () => {
    start({ disks: [FIRST] });
    const commands = read('commands').split('\n');
    const owner = commands.indexOf(`chown 1000:1000 ${state('cache')}`);
    expect(owner).toBeGreaterThan(commands.findIndex((line) => line.startsWith('mount ')));
  });
});

describe('What a worker is told', () => {
  it.each([
    ['spot', 'spot'],
    ['on-demand', 'on_demand'],
  ])('is what the metadata service says: %s', (lifeCycle, capacity) => {
    start({ lifeCycle });
    expect(InstanceSchema.parse(JSON.parse(read('var/lib/mv2id/instance.json')))).toEqual({
      instance_type: 'g6e.2xlarge',
      capacity,
      region: 'eu-west-1',
      availability_zone: 'eu-west-1b',
    });
  });

  it('is nothing where that does not answer', () => {
    expect(start({ broken: ['curl'] })).toContain('the metadata service does not answer');
    expect(existsSync(state('instance.json'))).toBe(false);
  });
});

it('keeps everybody but root from the metadata service', () => {
  start();
  expect(called('iptables')).toEqual([
    '--wait 10 --insert OUTPUT --destination 169.254.169.254 --match owner ! --uid-owner 0 --jump REJECT',
  ]);
});

it('says what failed, and lets the jobs begin', () => {
  const output = start({ disks: [FIRST], broken: COMMANDS });
  expect(output).toContain('containers can reach the metadata service');
  expect(output).toContain('the cache is on the root volume');
  expect(output).toContain('the cache belongs to root');
});

/** @returns what the script prints. It must succeed. */
function start(host: Host = {}): string {
  const { disks = [], divided = '', mounted = '', lifeCycle = 'spot', missing = [], broken = [] } = host;
  const bin = path.join(home, 'bin');
  rmSync(home, { recursive: true, force: true });
  mkdirSync(bin, { recursive: true });
  for (const command of COMMANDS) {
    if (!missing.includes(command)) symlinkSync(FAKE, path.join(bin, command));
  }
  for (const tool of TOOLS) symlinkSync(toolOfThisMachine(tool), path.join(bin, tool));
  const { status, stdout, stderr } = spawnSync(path.join(bin, 'bash'), [INSTANCE_START_SCRIPT], {
    encoding: 'utf8',
    env: {
      PATH: bin,
      HOST: home,
      FAKE,
      DISKS: [ROOT_VOLUME, ...disks].join('\n'),
      DIVIDED: divided,
      MOUNTED: mounted,
      LIFE_CYCLE: lifeCycle,
      BROKEN: broken.join(' '),
    },
  });
  if (status !== 0) throw new Error(`The script ended with ${status}: ${stderr}`);
  return stdout + stderr;
}

function toolOfThisMachine(tool: string): string {
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  const found = folders.map((folder) => path.join(folder, tool)).find((file) => existsSync(file));
  if (found === undefined) throw new Error(`${tool} must be on this machine, got ${folders.join(', ')}.`);
  return found;
}

/** The arguments of every call of a command. */
function called(command: string): string[] {
  const calls = read('commands').split('\n');
  return calls.filter((call) => call.startsWith(`${command} `)).map((call) => call.slice(command.length + 1));
}

function read(file: string): string {
  return readFileSync(path.join(home, file), 'utf8');
}

function state(name: string): string {
  return path.join(home, 'var/lib/mv2id', name);
}
