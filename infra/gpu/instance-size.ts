/**
 * How many vCPUs and GPUs an instance type has: AWS Batch is limited in vCPUs, people think in GPUs, and nobody can be asked while
 * synthesising. vCPUs follow from the name (four to an "xlarge"); GPUs from this table, from memory of EC2's pages as of January
 * 2026. `mv2id deploy-check` asks EC2 itself.
 */

export interface InstanceSize {
  readonly vcpus: number;
  readonly gpus: number;
}

const VCPUS_OF_XLARGE = 4;

/** By family: sizes with more than one GPU. Its other sizes have one. */
const GPUS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  g4dn: { '12xlarge': 4 },
  g5: { '12xlarge': 4, '24xlarge': 4, '48xlarge': 8 },
  g6: { '12xlarge': 4, '24xlarge': 4, '48xlarge': 8 },
  g6e: { '12xlarge': 4, '24xlarge': 4, '48xlarge': 8 },
  gr6: {},
  g7e: { '12xlarge': 2, '24xlarge': 4, '48xlarge': 8 },
  p3: { '8xlarge': 4, '16xlarge': 8 },
  p4d: { '24xlarge': 8 },
  p4de: { '24xlarge': 8 },
  p5: { '48xlarge': 8 },
  p5e: { '48xlarge': 8 },
  p5en: { '48xlarge': 8 },
};

/** Null for a type that is not known: a metal one, another family. */
export function instanceSize(instanceType: string): InstanceSize | null {
  const [family = '', size = ''] = instanceType.split('.');
  const multiple = /^(\d*)xlarge$/.exec(size)?.[1];
  const gpus = GPUS[family];
  if (multiple === undefined || !gpus) return null;
  return { vcpus: VCPUS_OF_XLARGE * Number(multiple || 1), gpus: gpus[size] ?? 1 };
}
