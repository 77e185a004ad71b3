/**
 * A network from an .onnx file, for the faces: the second importer of onnxruntime-node beside gpu-worker/session.ts, because the
 * Lambda that validates uploads has no generator in it. CPU only: these networks take milliseconds.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { env, InferenceSession, Tensor } from 'onnxruntime-node';
import { mustBe } from '../contract/field-error';

// What goes wrong is thrown; the runtime would print it a second time.
env.logLevel = 'fatal';

/** float32 in row-major order. */
export interface OnnxTensor {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

export interface OnnxModelOptions {
  /** Of the file, 64 lower-case hexadecimal digits; not asked unless given. */
  readonly sha256?: string;
  /** Threads that one operator may use; 1 unless given. */
  readonly numThreads?: number;
}

/** Thrown where a model file is not what its settings say. */
export class FaceModelError extends Error {
  override readonly name = 'FaceModelError';
}

export class OnnxModel {
  constructor(
    readonly file: string,
    readonly sha256: string,
    private readonly session: InferenceSession,
  ) {}

  get inputNames(): readonly string[] {
    return this.session.inputNames;
  }

  get outputNames(): readonly string[] {
    return this.session.outputNames;
  }

  /** @throws FaceModelError when the network does not take these inputs. */
  async run(feeds: Readonly<Record<string, OnnxTensor>>): Promise<Record<string, OnnxTensor>> {
    const tensors = Object.entries(feeds).map(([name, { data, dims }]) => {
      return [name, new Tensor('float32', data, dims)] as const;
    });
    const results = await this.session.run(Object.fromEntries(tensors)).catch((error: Error) => {
      throw new FaceModelError(
        `path must be a network that takes this picture, got ${this.file} (${firstLine(error)}).`,
      );
    });
    return Object.fromEntries(
      Object.entries(results).map(([name, { dims, data, type }]) => {
        if (data instanceof Float32Array) return [name, { dims, data }];
        throw new FaceModelError(`path must be a network that gives float32, got ${this.file} (${name} is ${type}).`);
      }),
    );
  }

  async release(): Promise<void> {
    await this.session.release();
  }
}

/** @throws FaceModelError when there is no such file, it is another one than `sha256` says, or no network. */
export async function openOnnxModel(file: string, options: OnnxModelOptions = {}): Promise<OnnxModel> {
  const { sha256, numThreads = 1 } = options;
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new FaceModelError(mustBe('path', 'a readable .onnx file', `${file} (${error.code})`).message);
  });
  const found = createHash('sha256').update(bytes).digest('hex');
  if (sha256 !== undefined && found !== sha256) {
    throw new FaceModelError(mustBe('sha256', `that of ${file} (${found})`, sha256).message);
  }
  const session = await InferenceSession.create(bytes, {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    intraOpNumThreads: numThreads,
    logSeverityLevel: 4,
    // An idle thread must not burn the core that decodes the next picture.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  }).catch((error: Error) => {
    throw new FaceModelError(mustBe('path', 'an ONNX model', `${file} (${firstLine(error)})`).message);
  });
  return new OnnxModel(file, found, session);
}

function firstLine({ message }: Error): string {
  return message.split('\n')[0]!.trim();
}
