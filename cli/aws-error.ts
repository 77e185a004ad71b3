/** What went wrong between this machine and AWS, in words that say what to do. */

/** What the reader of a message can do about it. */
export type AwsErrorKind = 'credentials' | 'permission' | 'network' | 'other';

const CREDENTIALS = new Set([
  'CredentialsProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'RequestExpired',
  'InvalidAccessKeyId',
  'InvalidClientTokenId',
  'UnrecognizedClientException',
  'SignatureDoesNotMatch',
  'InvalidSignatureException',
  'AuthFailure',
]);
const PERMISSION = new Set(['AccessDenied', 'AccessDeniedException', 'UnauthorizedOperation', 'Forbidden', '403']);
const NETWORK = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/** Null when it does not come from the SDK: neither the service's answer nor the way to it. */
export function awsErrorKind(error: unknown): AwsErrorKind | null {
  if (!(error instanceof Error)) return null;
  if (CREDENTIALS.has(error.name)) return 'credentials';
  const isFromSdk = '$metadata' in error;
  if (!isFromSdk) return null;
  if (PERMISSION.has(error.name)) return 'permission';
  const { code } = error as NodeJS.ErrnoException;
  return NETWORK.has(code ?? '') || error.name === 'TimeoutError' ? 'network' : 'other';
}

/** One line, or null where it does not come from the SDK. */
export function awsErrorText(error: unknown): string | null {
  const kind = awsErrorKind(error);
  if (kind === null) return null;
  const { name, message } = error as Error;
  const got = `${name}: ${message.replace(/\.$/, '')}`;
  switch (kind) {
    case 'credentials':
      return `AWS credentials must be valid, got ${got}. Sign in (aws sso login, aws configure), or name a profile of ~/.aws: aws_profile.`;
    case 'permission':
      return `These AWS credentials must be allowed to do this, got ${got}.`;
    case 'network':
      return `AWS must be reachable from here, in a region that exists, got ${got}.`;
    case 'other':
      return `AWS must answer, got ${got}.`;
  }
}
