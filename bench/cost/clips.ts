/**
 * What a clip of 5 seconds costs (832 x 480, 81 frames, 50 steps, three references): published speeds of the model family, turned into
 * what this service's way of guiding takes, at the prices of contract/prices.json.
 */
import { bundledPrices, gpuHourUsd } from '../../contract/prices';
import { instanceSize } from '../../infra/gpu/instance-size';
import { PAPER } from '../scale/paper-values';
import { AWS_PRICES } from './aws-prices';

interface Model {
  readonly name: string;
  /** Of the transformer. */
  readonly layers: number;
  readonly width: number;
  readonly feedForward: number;
}

export interface PublishedSpeed {
  readonly model: Model;
  /** What it was measured on. */
  readonly gpu: string;
  readonly seconds: number;
  readonly steps: number;
  readonly source: string;
  /** What it is taken to be the speed of, in EC2. */
  readonly instanceType: string;
  readonly remark?: string;
}

export interface ClipCost extends PublishedSpeed {
  /** 50 steps with two runs of the transformer each, without references: as published, at most rescaled to 50 steps. */
  readonly plainSeconds: number;
  /** Three runs a step and three references. */
  readonly clipSeconds: number;
  /** The whole time on the GPU, with what a job takes before its first step. */
  readonly jobSeconds: number;
  readonly onDemandUsd: number;
  readonly spotUsd: number;
}

const STEPS = 50;
/** Latent frames, rows and columns of tokens. */
const VIDEO_TOKENS = 21 * 30 * 52;
const REFERENCES = 3;
const REFERENCE_TOKENS = REFERENCES * 30 * 52;
/** Reference guidance runs the transformer without anything, with references, and with references and text: design of Phantom-Wan. */
const RUNS = 3;
const PUBLISHED_RUNS = 2;
const REGION = 'us-east-1';

const WAN_1_3B: Model = { name: 'Wan 2.1 1.3B', layers: 30, width: 1536, feedForward: 8960 };
const WAN_14B: Model = { name: 'Wan 2.1 14B', layers: 40, width: 5120, feedForward: 13_824 };
const WAN_A14B: Model = { name: 'Wan 2.2 A14B', layers: 40, width: 5120, feedForward: 13_824 };

/** Collected in November 2026; none of them was measured by us. */
export const PUBLISHED_SPEEDS: readonly PublishedSpeed[] = [
  {
    model: WAN_1_3B,
    gpu: 'RTX 4090',
    seconds: 261.4,
    steps: 50,
    source: 'Wan2.1 repository, assets/comp_effic.png (2025)',
    instanceType: 'g6e.xlarge',
    remark: 'taken as equal for the L40S, the same chip with more memory and less power',
  },
  {
    model: WAN_1_3B,
    gpu: 'H200',
    seconds: 95.2,
    steps: 50,
    source: 'FastVideo blog "post training" (2025), FlashAttention 2, transformer only',
    instanceType: 'p5.4xlarge',
    remark: 'taken as equal for the H100, which computes as fast',
  },
  {
    model: WAN_14B,
    gpu: 'A100',
    seconds: 941,
    steps: 50,
    source: 'Sparse-VideoGen README (2025): 15:41',
    instanceType: 'g6e.2xlarge',
    remark: 'taken as equal for the L40S: with 1.3B an A100 (259.7 s) and an RTX 4090 (261.4 s) are',
  },
  {
    model: WAN_14B,
    gpu: 'H100',
    seconds: 485,
    steps: 50,
    source: 'Sparse-VideoGen README (2025): 8:05',
    instanceType: 'p5.4xlarge',
  },
  {
    model: WAN_A14B,
    gpu: 'H100',
    seconds: 326.9,
    steps: 40,
    source: 'Wan2.2 repository, assets/comp_effic.png (2025), FlashAttention 3',
    instanceType: 'p5.4xlarge',
  },
];

export function clipCost(speed: PublishedSpeed): ClipCost {
  const plainSeconds = (speed.seconds * STEPS) / speed.steps;
  const clipSeconds = plainSeconds * (RUNS / PUBLISHED_RUNS) * referenceFactor(speed.model);
  const jobSeconds = clipSeconds + PAPER.load_seconds;
  const usd = (capacity: 'spot' | 'on_demand') =>
    (jobSeconds / 3600) *
    required(gpuHourUsd(bundledPrices(), { region: REGION, instanceType: speed.instanceType, capacity }));
  return { ...speed, plainSeconds, clipSeconds, jobSeconds, onDemandUsd: usd('on_demand'), spotUsd: usd('spot') };
}

/**
 * How much longer a run takes with the references among its tokens, by multiplications: those of the linear layers grow with the
 * tokens, those of self-attention with their square.
 */
export function referenceFactor({ layers, width, feedForward }: Model): number {
  const work = (tokens: number) => {
    const linear = tokens * layers * (6 * width ** 2 + 2 * width * feedForward);
    const attention = 2 * tokens ** 2 * width * layers;
    return linear + attention;
  };
  return work(VIDEO_TOKENS + REFERENCE_TOKENS) / work(VIDEO_TOKENS);
}

export function clipTable(): string {
  const head = ['Model', 'Published', 'Clip', 'On', 'On-Demand', 'Spot'];
  const rows = PUBLISHED_SPEEDS.map(clipCost).map((clip) => [
    clip.model.name,
    `${clip.seconds} s, ${clip.steps} steps, ${clip.gpu}`,
    `${Math.round(clip.clipSeconds)} s`,
    clip.instanceType,
    `$${clip.onDemandUsd.toFixed(2)}`,
    `$${clip.spotUsd.toFixed(2)}`,
  ]);
  return table(head, rows);
}

export function sourceTable(): string {
  const rows = PUBLISHED_SPEEDS.map(({ model, gpu, source, remark }) => [model.name, gpu, source, remark ?? '']);
  return table(['Model', 'Published for', 'Source', 'Assumed'], rows);
}

/** What an instance costs before its first job begins, and after its last. */
export function coldStartTable(): string {
  const types = [...new Set(PUBLISHED_SPEEDS.map(({ instanceType }) => instanceType))];
  const rows = types.map((instanceType) => {
    const hour = (capacity: 'spot' | 'on_demand') =>
      required(gpuHourUsd(bundledPrices(), { region: REGION, instanceType, capacity }));
    const seconds = PAPER.boot_seconds + PAPER.image_pull_seconds + PAPER.weights_seconds + PAPER.scale_down_seconds;
    const usd = (capacity: 'spot' | 'on_demand') => `$${((seconds / 3600) * hour(capacity)).toFixed(3)}`;
    const clips = PUBLISHED_SPEEDS.filter((speed) => speed.instanceType === instanceType).map(clipCost);
    const shares = clips.map(
      ({ model, jobSeconds }) => `${model.name} ${Math.round((100 * seconds) / (seconds + jobSeconds))} %`,
    );
    return [instanceType, `${seconds} s`, usd('on_demand'), usd('spot'), shares.join(', ')];
  });
  return table(['Instance', 'Not working', 'On-Demand', 'Spot', 'Of its bill, where it does one clip'], rows);
}

/** What AWS Batch compares, dollars for a vCPU, and what a job takes, a GPU. */
export function sizeTable(instanceTypes: readonly string[]): string {
  const rows = instanceTypes.map((instanceType) => {
    const gpuHour = required(gpuHourUsd(bundledPrices(), { region: REGION, instanceType, capacity: 'on_demand' }));
    const { vcpus, gpus } = instanceSize(instanceType)!;
    return [instanceType, `${vcpus}`, `$${((gpuHour * gpus) / vcpus).toFixed(3)}`, `$${gpuHour.toFixed(2)}`];
  });
  return table(['On-Demand', 'vCPUs', 'a vCPU hour', 'a GPU hour'], rows);
}

/** What the service takes for a job besides its GPU, US dollars. */
export function serviceUsd(hasProgressWebhooks: boolean): number {
  const changes = PAPER.progress_changes + PAPER.other_changes;
  const writeUnits = changes * (PAPER.record_kib_with_event + PAPER.record_kib) * (1 + PAPER.indexes_of_a_job);
  const webhooks = hasProgressWebhooks ? PAPER.webhooks : 2;
  const messages = 2 + PAPER.batch_events + webhooks;
  const gbSeconds =
    2 * PAPER.validate_seconds +
    0.5 * (PAPER.submit_seconds + PAPER.batch_events * PAPER.track_seconds + webhooks * PAPER.notify_seconds);
  return (
    (writeUnits * AWS_PRICES.dynamodbWrites) / 1e6 +
    (4 * changes * AWS_PRICES.dynamodbReads) / 1e6 +
    (changes * (AWS_PRICES.s3Puts + AWS_PRICES.s3Gets)) / 1e3 +
    (3 * messages * AWS_PRICES.sqsRequests) / 1e6 +
    (messages * AWS_PRICES.lambdaCalls) / 1e6 +
    gbSeconds * AWS_PRICES.lambdaGbSecond
  );
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function required(usd: number | null): number {
  if (usd === null) throw new Error('Every instance type of this table must have a price in contract/prices.json.');
  return usd;
}
