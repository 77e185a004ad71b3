/** The certificate and key of Content Credentials, where the environment names them. */
import { readFile } from 'node:fs/promises';
import * as env from '../../contract/env';
import { CredentialsError } from '../errors';
import { readCredentials, type SigningCredentials } from './content-credentials';

const PEM = /^\s*-----BEGIN /;

/**
 * Undefined where neither is set: nothing is signed.
 * @throws CredentialsError when only one is set, a file cannot be read, or the two do not belong together.
 */
export async function credentialsFromEnv(
  environment: NodeJS.ProcessEnv = process.env,
): Promise<SigningCredentials | undefined> {
  const certificates = environment[env.C2PA_CERTIFICATES];
  const privateKey = environment[env.C2PA_PRIVATE_KEY];
  if (!certificates && !privateKey) return undefined;
  const credentials = {
    certificates: await pemOf(env.C2PA_CERTIFICATES, certificates),
    privateKey: await pemOf(env.C2PA_PRIVATE_KEY, privateKey),
  };
  readCredentials(credentials);
  return credentials;
}

/** A secret is handed to a container as text, to a machine as a file. */
async function pemOf(name: string, value: string | undefined): Promise<string> {
  if (!value) throw new CredentialsError(`${name} must be set where its counterpart is, got nothing.`);
  if (PEM.test(value)) return value;
  try {
    return await readFile(value, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CredentialsError(`${name} must be a PEM text or a file that can be read, got ${code}.`);
  }
}
