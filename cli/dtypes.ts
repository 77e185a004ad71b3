/** What networks may be told to compute in. */
import type { FloatDType } from '../gpu-worker/onnx/graph';

export const DTYPES: readonly FloatDType[] = ['float32', 'float16', 'bfloat16'];
