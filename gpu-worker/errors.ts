/**
 * Errors that a caller tells apart. Whatever is not one of these is a fault of ours.
 */

/**
 * The model directory cannot be used as it is: a file is missing or broken, or a config says what this engine does not do.
 * The fault of whoever gave the directory. The message is one line that names the file and, where there is one, the tensor or key.
 */
export class ModelError extends Error {
  override readonly name = 'ModelError';
}

/** The execution provider that was asked for does not load on this machine. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError';
}

/** Files are to be signed, and certificate, key or library are not what that takes. */
export class CredentialsError extends Error {
  override readonly name = 'CredentialsError';
}

/** The machine has too little memory for what was asked. */
export class OutOfMemoryError extends Error {
  override readonly name = 'OutOfMemoryError';
}
