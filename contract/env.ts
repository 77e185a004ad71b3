/** Names of all environment variables, each of them here and nowhere else. */

/** The deployment as JSON: see deployment.ts. */
export const DEPLOYMENT = 'MV2ID_DEPLOYMENT';
/** The job that a worker is to run. */
export const JOB_ID = 'MV2ID_JOB_ID';
/** What the networks run on: cpu, cuda or webgpu. */
export const PROVIDER = 'MV2ID_PROVIDER';
/** Folder that workers of one machine share for model directories. */
export const MODEL_CACHE = 'MV2ID_MODEL_CACHE';
/** Folder of the face models, where a bundle has them elsewhere than the repository. */
export const FACE_MODELS = 'MV2ID_FACE_MODELS';
/** Threads of an operator. */
export const THREADS = 'MV2ID_THREADS';
/** Least time between two checkpoints of a running job; 0 for one after every step. */
export const CHECKPOINT_SECONDS = 'MV2ID_CHECKPOINT_SECONDS';
/** File that says what instance a worker runs on: see instance.ts. */
export const INSTANCE = 'MV2ID_INSTANCE';
/** Set by AWS Batch, and by the local one likewise. */
export const BATCH_JOB_ID = 'AWS_BATCH_JOB_ID';
/** From 1. */
export const BATCH_JOB_ATTEMPT = 'AWS_BATCH_JOB_ATTEMPT';
/** The run that a training job is to go on with: its name under `training/` of the models bucket. Read by training/on_batch.py too. */
export const TRAINING_RUN = 'MV2ID_TRAINING_RUN';
/** Name of the models bucket, for a training job. Read by training/on_batch.py. */
export const MODELS_BUCKET = 'MV2ID_MODELS_BUCKET';
/** Large folder that a training job may write to. Read by training/on_batch.py. */
export const TRAINING_FOLDER = 'MV2ID_TRAINING_FOLDER';
/** Where the stages' metrics go, see metrics.ts; Powertools reads it itself. */
export const METRICS_NAMESPACE = 'POWERTOOLS_METRICS_NAMESPACE';
/** Signs every file (Content Credentials): the chain of certificates and the private key, each as PEM text or as the path of a file. */
export const C2PA_CERTIFICATES = 'MV2ID_C2PA_CERTIFICATES';
export const C2PA_PRIVATE_KEY = 'MV2ID_C2PA_PRIVATE_KEY';
/** Profile of the command line where none is named: see cli/profile.ts. */
export const PROFILE = 'MV2ID_PROFILE';
/** Prints stack traces. */
export const DEBUG = 'MV2ID_DEBUG';

/** @throws Error when the variable is not set. */
export function requireEnv(name: string, env: NodeJS.ProcessEnv = process.env): string {
  const value = env[name];
  if (value === undefined || value === '') throw new Error(`${name} must be set, got nothing.`);
  return value;
}
