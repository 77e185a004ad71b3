/**
 * A snapshot as one file: safetensors (8 bytes with the header's length, the header as JSON, the tensors), so that any tool for it
 * looks inside. What is no tensor stands as JSON under `state` in the file's metadata.
 *
 * A checkpoint belongs to one job on one model: its fingerprint names both, and a hash tells a broken file.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { ReportSchema } from '../contract/report';
import type { OutputState, Snapshot } from './snapshot';

/** What the bytes of a video follow from. Not the number of threads: a job may go on at another machine. */
export interface JobFingerprint {
  readonly manifest: unknown;
  readonly seed: number;
  /** In the manifest's order. */
  readonly imagesSha256: readonly string[];
  readonly modelSha256: string;
  readonly computeDtype: string;
  readonly provider: string;
}

export interface Checkpoint {
  /** See `fingerprintOf`. */
  readonly fingerprint: string;
  readonly snapshot: Snapshot;
}

/** Grows when the format does, or when the same steps no longer give the same bytes. */
const VERSION = '2';
const LENGTH_BYTES = 8;
const FLOAT_BYTES = 4;

const StateSchema = z.strictObject({
  outputs: z.array(
    z
      .strictObject({
        step_index: z.int().nonnegative(),
        numbers: z.record(z.string(), z.number()),
        steps: ReportSchema.shape.outputs.element.shape.steps,
      })
      .nullable(),
  ),
});

const Offset = z.int().nonnegative();
const TensorSchema = z.strictObject({
  dtype: z.literal('F32'),
  shape: z.tuple([Offset]),
  data_offsets: z.tuple([Offset, Offset]),
});
const MetadataSchema = z.strictObject({
  version: z.literal(VERSION),
  fingerprint: z.string(),
  state: z.string(),
  /** Of `state` and everything after the header. */
  sha256: z.string(),
});
const HeaderSchema = z.object({ __metadata__: MetadataSchema }).catchall(TensorSchema);

export function fingerprintOf(job: JobFingerprint): string {
  const { manifest, seed, imagesSha256, modelSha256, computeDtype, provider } = job;
  const parts = [VERSION, manifest, seed, imagesSha256, modelSha256, computeDtype, provider];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

export function encodeCheckpoint({ fingerprint, snapshot }: Checkpoint): Uint8Array {
  const tensors = new Map<string, Float32Array>();
  for (const [i, output] of snapshot.outputs.entries()) {
    if (!output) continue;
    tensors.set(sampleName(i), output.sample);
    for (const [name, data] of Object.entries(output.scheduler.tensors)) tensors.set(schedulerName(i, name), data);
  }
  const data = Buffer.concat([...tensors.values()].map(bytesOf));
  const state: z.input<typeof StateSchema> = {
    outputs: snapshot.outputs.map(
      (output) =>
        output && {
          step_index: output.scheduler.stepIndex,
          numbers: { ...output.scheduler.numbers },
          steps: [...output.steps],
        },
    ),
  };
  const text = JSON.stringify(state);
  const metadata: z.input<typeof MetadataSchema> = {
    version: VERSION,
    fingerprint,
    state: text,
    sha256: hashOf(text, data),
  };
  const header = Buffer.from(JSON.stringify({ __metadata__: metadata, ...entriesOf(tensors) }));
  // Spaces up to a multiple of 8 bytes, as the safetensors library writes it.
  const padded = Buffer.alloc(Math.ceil(header.length / LENGTH_BYTES) * LENGTH_BYTES, ' ');
  header.copy(padded);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded, data]);
}

/** @throws Error saying what is wrong with the bytes; a caller starts the job from its beginning then. */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const dataStart = LENGTH_BYTES + headerLength(file);
  const header = HeaderSchema.parse(JSON.parse(file.toString('utf8', LENGTH_BYTES, dataStart)));
  const { __metadata__: metadata, ...entries } = header;
  const data = file.subarray(dataStart);
  const hash = hashOf(metadata.state, data);
  if (hash !== metadata.sha256) throw new Error(`The checkpoint must hash to ${metadata.sha256}, got ${hash}.`);
  const read = (name: string) => {
    const entry = entries[name];
    if (!entry) throw new Error(`The tensor ${name} must be present, got none.`);
    return floatsOf(data.subarray(...entry.data_offsets));
  };
  const state = StateSchema.parse(JSON.parse(metadata.state));
  const outputs = state.outputs.map((output, i): OutputState | null => {
    if (!output) return null;
    const names = Object.keys(entries).filter((name) => name.startsWith(schedulerName(i, '')));
    const tensors = Object.fromEntries(names.map((name) => [name.slice(schedulerName(i, '').length), read(name)]));
    const scheduler = { stepIndex: output.step_index, numbers: output.numbers, tensors };
    return { sample: read(sampleName(i)), scheduler, steps: output.steps };
  });
  return { fingerprint: metadata.fingerprint, snapshot: { outputs } };
}

function headerLength(file: Buffer): number {
  const present = file.length - LENGTH_BYTES;
  const length = present < 0 ? 0 : Number(file.readBigUInt64LE(0));
  if (length > 0 && length <= present) return length;
  throw new Error(`A checkpoint must begin with the length of its header, got ${length} in ${file.length} bytes.`);
}

function sampleName(output: number): string {
  return `outputs.${output}.sample`;
}

function schedulerName(output: number, tensor: string): string {
  return `outputs.${output}.scheduler.${tensor}`;
}

function entriesOf(tensors: ReadonlyMap<string, Float32Array>): Record<string, z.input<typeof TensorSchema>> {
  let end = 0;
  const entries = [...tensors].map(([name, data]): [string, z.input<typeof TensorSchema>] => {
    const start = end;
    end += data.byteLength;
    return [name, { dtype: 'F32', shape: [data.length], data_offsets: [start, end] }];
  });
  return Object.fromEntries(entries);
}

function bytesOf(data: Float32Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** A copy, because the file's bytes need not lie at a multiple of four. */
function floatsOf(bytes: Uint8Array): Float32Array {
  const floats = new Float32Array(Math.floor(bytes.length / FLOAT_BYTES));
  bytesOf(floats).set(bytes.subarray(0, FLOAT_BYTES * floats.length));
  return floats;
}

function hashOf(state: string, data: Uint8Array): string {
  return createHash('sha256').update(state).update(data).digest('hex');
}
