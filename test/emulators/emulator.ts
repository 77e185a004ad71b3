/** What the tests need of a program that answers like AWS, whichever it is. */
import type { AwsDeployment } from '../../contract/deployment';

export interface Emulator extends Pick<AwsDeployment, 'region' | 'endpoint' | 'endpoints'> {
  /** Lets time pass for it: by its own clock where that can be set, else by waiting. */
  advance(seconds: number): Promise<void>;
  stop(): Promise<void>;
}

export const EMULATED_REGION = 'eu-central-1';

/** The ones that ministack takes for presigned links; everything else would do with any. No request leaves this machine. */
const CREDENTIALS = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };

/** Environment of processes that talk to an emulator: credentials that are nobody's, and none of the user's own. */
export function emulatedEnv(): NodeJS.ProcessEnv {
  const { AWS_PROFILE: _profile, AWS_SESSION_TOKEN: _token, ...rest } = process.env;
  return { ...rest, ...CREDENTIALS, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' };
}

/** The same for this process. */
export function useEmulatedCredentials(): void {
  delete process.env.AWS_PROFILE;
  delete process.env.AWS_SESSION_TOKEN;
  Object.assign(process.env, CREDENTIALS, { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' });
}
