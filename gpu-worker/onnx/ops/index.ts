/** One function an operator, under ONNX's own name. Those of the com.microsoft domain say so. */

export * from './activation';
export * from './arithmetic';
export * from './attention';
export * from './conv';
export * from './linear';
export * from './normalization';
export * from './reduce';
export * from './shape';
