/**
 * What a team may choose about its deployment: one object, under the key `mv2id` of the context in cdk.json. What is left out costs
 * nothing while nobody uses the service.
 */
import { z } from 'zod';
import { fieldErrors } from '../contract/field-error';
import { MAX_RETENTION_DAYS, MIN_RETENTION_DAYS } from '../contract/limits';

/** Of EC2: `g6e.xlarge`. */
const InstanceType = z
  .string()
  .regex(/^[a-z][a-z0-9-]*\.[a-z0-9-]+$/)
  .meta({ rule: 'an EC2 instance type, such as g6e.2xlarge' });

const NetworkSchema = z
  .strictObject({
    /**
     * How instances reach AWS's services. `public_ip`: public subnets, no way in, an address that costs while an instance runs.
     * `endpoints`: isolated subnets and interface endpoints, which cost while nothing runs too.
     */
    access: z.enum(['public_ip', 'endpoints']).default('public_ip'),
    /** GPUs are short in single zones: the more, the better. */
    max_azs: wholeNumber(1, 6).default(3),
    /** An existing VPC in place of our own; its subnets must reach ECR, ECS, CloudWatch Logs, S3, DynamoDB and SQS. */
    vpc: z
      .strictObject({
        id: id('vpc'),
        subnets: z
          .array(z.strictObject({ id: id('subnet'), availability_zone: z.string().min(1) }))
          .min(1)
          .max(16)
          .meta({ rule: 'a list of 1 to 16 subnets' }),
      })
      .optional(),
  })
  .prefault({});

const GpuSchema = z
  .strictObject({
    /** Each with one GPU at least. Of several sizes Batch takes the one that is cheapest a vCPU, which is dearest a GPU: docs/cost.md. */
    instance_types: z
      .array(InstanceType)
      .min(1)
      .max(20)
      .refine((types) => new Set(types).size === types.length)
      .default(['g6e.2xlarge'])
      .meta({ rule: 'a list of 1 to 20 different EC2 instance types' }),
    /** In this order; without `on_demand` a job waits until Spot has capacity. */
    capacity: z
      .array(z.enum(['spot', 'on_demand']))
      .min(1)
      .max(2)
      .refine((kinds) => new Set(kinds).size === kinds.length)
      .default(['spot', 'on_demand'])
      .meta({ rule: 'a list of "spot", "on_demand" or both, in the order they are tried' }),
    /** At the same time, of each kind of capacity; fewer where the types are of unequal size: see gpu/max-vcpus.ts. */
    max_gpus: wholeNumber(1, 1000).default(4),
    /** What one job takes of its instance. */
    job: z
      .strictObject({
        vcpus: wholeNumber(1, 192).default(4),
        memory_gib: wholeNumber(2, 2000).default(26),
        shared_memory_gib: wholeNumber(1, 512).default(8),
      })
      .prefault({}),
    /** How long an idle instance waits for another job: a warm start for its price. */
    keep_warm_minutes: z
      .int()
      .refine((minutes) => minutes === 0 || (minutes >= 20 && minutes <= 7 * 24 * 60))
      .default(0)
      .meta({ rule: '0 or a whole number from 20 to 10080, which AWS Batch takes' }),
    /** A job that waits so long for a capacity that does not exist is given up. */
    stuck_minutes: wholeNumber(10, 24 * 60).default(6 * 60),
    /** Root volume of instances whose own disks are too small for weights; GiB. */
    disk_gib: wholeNumber(100, 16_000).default(200),
    /** An image in a registry, by digest, in place of building gpu-worker/Dockerfile while deploying. */
    image: z
      .string()
      .regex(/^[a-z0-9][a-z0-9._/:-]*@sha256:[0-9a-f]{64}$/)
      .optional()
      .meta({ rule: 'an image by its digest (<repository>@sha256:<64 digits>)' }),
    /**
     * A secret of the same region whose keys `certificates` and `private_key` are PEM texts: every video is signed with them (Content
     * Credentials).
     */
    signing_secret: z
      .string()
      .regex(/^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}$/)
      .optional()
      .meta({ rule: 'the ARN of a secret in Secrets Manager, with the six characters at its end' }),
  })
  .prefault({});

const RetentionSchema = z
  .strictObject({
    /** Photos and job.json. */
    uploads_days: wholeNumber(MIN_RETENTION_DAYS, 3650).default(90),
    /** Videos and reports of jobs whose job.json has no retention_days. */
    results_days: wholeNumber(MIN_RETENTION_DAYS, MAX_RETENTION_DAYS).default(90),
    /** What was overwritten or deleted. */
    old_versions_days: wholeNumber(1, 365).default(7),
    /** Of functions, workers, the network and who read the buckets; CloudWatch knows these spans alone. */
    logs_days: z
      .literal([
        1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
      ])
      .default(30),
  })
  .prefault({});

/** Messages that a stage works on at the same time: SQS allows 2 to 1000. */
const ConcurrencySchema = z
  .strictObject({
    validate: wholeNumber(2, 1000).default(20),
    /** AWS Batch takes 50 jobs a second from an account. */
    submit: wholeNumber(2, 1000).default(5),
    track: wholeNumber(2, 1000).default(10),
    notify: wholeNumber(2, 1000).default(20),
  })
  .prefault({});

const OperationsSchema = z
  .strictObject({
    /** Addresses that alarms are sent to; each must confirm. */
    emails: z.array(z.email()).max(10).default([]),
    /** For the whole account's costs under this stack's tag; 0 for none. */
    monthly_budget_usd: z.number().min(0).max(10_000_000).default(200).meta({ rule: 'a number from 0 to 10000000' }),
    /** Where the team reads docs/runbook.md: every alarm links its article there. Without, an alarm names the file. */
    runbook_url: z
      .url({ protocol: /^https$/ })
      .optional()
      .meta({ rule: 'an https address' }),
    /** One page in CloudWatch that reads as the flow. */
    dashboard: z.boolean().default(true),
  })
  .prefault({});

const TrainingSchema = z
  .strictObject({
    /** A job queue of its own for `mv2id train submit`; nothing runs, and nothing costs, until something is submitted. */
    enabled: z.boolean().default(false),
    /** Of every node. */
    instance_type: InstanceType.default('p5.48xlarge'),
    /** One process each. */
    gpus_per_node: wholeNumber(1, 16).default(8),
    /** More than one: AWS Batch runs multi-node jobs on On-Demand capacity only. */
    max_nodes: wholeNumber(1, 64).default(1),
    /** Of a node, like its memory: a little less than the instance has, whose system needs some. */
    vcpus: wholeNumber(1, 192).default(180),
    memory_gib: wholeNumber(2, 2000).default(1900),
    /** Elastic Fabric Adapter, where the instance type has it. */
    efa: z.boolean().default(false),
    /** An image in a registry, by digest, in place of building training/Dockerfile while deploying. */
    image: GpuSchema.unwrap().shape.image,
  })
  .prefault({});

export const SettingsSchema = z.strictObject({
  /** Of the CloudFormation stack, and the beginning of every name in it. */
  stack_name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,27}$/)
    .default('mv2id')
    .meta({ rule: 'at most 28 lower-case letters, digits and "-", starting with a letter' }),
  network: NetworkSchema,
  gpu: GpuSchema,
  lambda: z
    .strictObject({
      /** `arm64` costs a fifth less. */
      architecture: z.enum(['arm64', 'x86_64']).default('arm64'),
      concurrency: ConcurrencySchema,
    })
    .prefault({}),
  /** A key of our own (a dollar a month) in place of those that AWS keeps. */
  encryption: z.enum(['aws_managed', 'customer_managed']).default('aws_managed'),
  retention: RetentionSchema,
  operations: OperationsSchema,
  training: TrainingSchema,
  /** Whether buckets and table go with the stack when it is deleted, with everything in them. */
  delete_data_with_stack: z.boolean().default(false),
});

export type Settings = z.output<typeof SettingsSchema>;

/** The key in the context of cdk.json. */
export const SETTINGS_KEY = 'mv2id';

/**
 * The settings with every default filled in.
 * @throws Error with every field that is wrong.
 */
export function parseSettings(value: unknown): Settings {
  const errors = fieldErrors(SettingsSchema, value ?? {}, SETTINGS_KEY);
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join(' '));
  return SettingsSchema.parse(value ?? {});
}

/**
 * The settings of an app: from cdk.json, or from the command line as text (`-c mv2id='{"stack_name": "mv2id-test"}'`), which takes
 * their place as a whole.
 * @throws Error with every field that is wrong.
 */
export function readSettings(context: { tryGetContext(key: string): unknown }): Settings {
  const value = context.tryGetContext(SETTINGS_KEY);
  return parseSettings(typeof value === 'string' ? parseJson(value) : value);
}

/** What is no JSON stays as it is, for the message. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function wholeNumber(least: number, most: number) {
  return z
    .int()
    .min(least)
    .max(most)
    .meta({ rule: `a whole number from ${least} to ${most}` });
}

function id(kind: 'vpc' | 'subnet') {
  return z
    .string()
    .regex(new RegExp(`^${kind}-[0-9a-f]{8,17}$`))
    .meta({ rule: `a ${kind} id, such as ${kind}-0123456789abcdef0` });
}
