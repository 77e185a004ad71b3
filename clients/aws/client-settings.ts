/** What all of the SDK's clients have in common, and that each is made when it is first needed. */
import type { AwsDeployment } from '../../contract/deployment';

/** Where requests go, and who sends them. */
export type AwsPlace = Pick<AwsDeployment, 'region' | 'endpoint' | 'endpoints' | 'aws_profile'>;

/** Of every client's constructor. */
export interface ClientSettings {
  readonly region: string;
  readonly endpoint: string | undefined;
  readonly profile: string | undefined;
  readonly maxAttempts: number;
  readonly requestHandler: { readonly connectionTimeout: number; readonly socketTimeout: number };
}

interface Closable {
  destroy(): void;
}

/** Tries of a request, with the SDK's own backoff in between. */
const MAX_ATTEMPTS = 5;
const CONNECTION_TIMEOUT_MS = 5_000;
/** Without a byte. A long poll of SQS is silent for up to 20 s. */
const SOCKET_TIMEOUT_MS = 60_000;
const SILENCE_NODE_WARNING = 'AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED';

/**
 * Credentials come from the SDK's default chain (environment, profile, or the role of the Lambda or container), or from the named
 * profile of ~/.aws.
 * @param endpoint of one service, in place of that of all.
 */
export function clientSettings(place: AwsPlace, endpoint = place.endpoint): ClientSettings {
  // The SDK announces on every start which Node it will need next year; the versions here are pinned.
  process.env[SILENCE_NODE_WARNING] ??= 'true';
  return {
    region: place.region,
    endpoint,
    profile: place.aws_profile,
    maxAttempts: MAX_ATTEMPTS,
    requestHandler: { connectionTimeout: CONNECTION_TIMEOUT_MS, socketTimeout: SOCKET_TIMEOUT_MS },
  };
}

/** Remembers the clients that were made, to close their connections. */
export function madeWhenNeeded(): { lazily<C extends Closable>(make: () => C): () => C; destroy(): void } {
  const made: Closable[] = [];
  return {
    lazily(make) {
      let client: ReturnType<typeof make> | undefined;
      return () => {
        if (!client) {
          client = make();
          made.push(client);
        }
        return client;
      };
    },
    destroy() {
      for (const client of made.splice(0)) client.destroy();
    },
  };
}
