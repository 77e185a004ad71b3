/**
 * Content Credentials (C2PA): a signed statement inside every file that a generative model made it, bound to the file's bytes. Only
 * where the deployment has a certificate and its key; what signs is the C2PA project's own library, as WebAssembly.
 *
 * It is an optional dependency, loaded when a certificate is given and never else.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { DIGITAL_SOURCE_TYPE } from '../../contract/provenance';
import { CredentialsError } from '../errors';
import { MemoryBlob, provideFileReader } from './browser-blob';
import { type CoseAlgorithm, coseSign1 } from './cose-sign1';
import { GENERATOR } from './origin';

/** PEM texts. */
export interface SigningCredentials {
  /** The signer's own certificate first, then those between it and the root. */
  readonly certificates: string;
  readonly privateKey: string;
}

export type SignFile = (file: Uint8Array, contentType: 'video/mp4' | 'image/jpeg') => Promise<Uint8Array>;

interface Signer {
  readonly chain: readonly Uint8Array[];
  readonly key: KeyObject;
  readonly algorithm: CoseAlgorithm;
}

/** What we use of the library. */
interface C2pa {
  default(options: { module_or_path: Uint8Array }): Promise<unknown>;
  readonly WasmBuilder: {
    fromJson(definition: string): {
      sign(
        signer: { sign: (claim: Uint8Array) => Promise<Uint8Array>; reserveSize: number; alg: string },
        format: string,
        source: MemoryBlob,
      ): Promise<Uint8Array>;
      free(): void;
    };
  };
}

/** A name in a variable: whoever bundles the worker leaves it to Node, and nobody needs it to build. */
const LIBRARY = '@contentauth/c2pa-wasm';
/** A chain of four certificates of 2 KB, and the signature. */
const RESERVED_BYTES = 10_240;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
/** Curves as Node names them. */
const ALGORITHMS: Readonly<Record<string, CoseAlgorithm>> = {
  prime256v1: { id: -7, hash: 'sha256', name: 'es256' },
  secp384r1: { id: -35, hash: 'sha384', name: 'es384' },
  secp521r1: { id: -36, hash: 'sha512', name: 'es512' },
  ed25519: { id: -8, hash: null, name: 'ed25519' },
};

/** @throws CredentialsError when certificate and key do not fit, or the library is not installed: before a video is made. */
export async function openSigner(credentials: SigningCredentials): Promise<SignFile> {
  const signer = readCredentials(credentials);
  const { WasmBuilder } = await loadLibrary();
  return async (file, contentType) => {
    const builder = WasmBuilder.fromJson(JSON.stringify(manifestDefinition(contentType)));
    try {
      return await builder.sign(
        {
          alg: signer.algorithm.name,
          reserveSize: RESERVED_BYTES,
          sign: async (claim) => coseSign1(claim, signer, RESERVED_BYTES),
        },
        contentType,
        new MemoryBlob(file),
      );
    } finally {
      builder.free();
    }
  };
}

/** @throws CredentialsError; its message never holds the key. */
export function readCredentials({ certificates, privateKey }: SigningCredentials): Signer {
  const chain = (certificates.match(CERTIFICATE) ?? []).map(parseCertificate);
  const [own] = chain;
  if (!own) throw new CredentialsError('certificates must be PEM texts of certificates, got none.');
  const key = parseKey(privateKey);
  const curve = key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType ?? 'none';
  const algorithm = ALGORITHMS[curve];
  if (!algorithm) {
    throw new CredentialsError(`privateKey must be of ${Object.keys(ALGORITHMS).join(', ')}, got ${curve}.`);
  }
  if (!own.checkPrivateKey(key)) {
    throw new CredentialsError('privateKey must be that of the first certificate, got another one.');
  }
  return { chain: chain.filter(isSent).map(({ raw }) => new Uint8Array(raw)), key, algorithm };
}

/** A root is what others trust or do not: they have it. Source: C2PA specification 2.1, 14.5. */
function isSent(certificate: X509Certificate, index: number): boolean {
  return index === 0 || certificate.issuer !== certificate.subject;
}

function parseCertificate(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new CredentialsError('certificates must be PEM texts of certificates, got one that cannot be read.');
  }
}

function parseKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new CredentialsError('privateKey must be the PEM text of an unencrypted private key, got something else.');
  }
}

function manifestDefinition(format: string) {
  const agent = { name: GENERATOR.name, version: GENERATOR.version };
  const created = { action: 'c2pa.created', digitalSourceType: DIGITAL_SOURCE_TYPE, softwareAgent: agent };
  return {
    claim_generator_info: [agent],
    format,
    assertions: [{ label: 'c2pa.actions.v2', data: { actions: [created] } }],
  };
}

let loading: Promise<C2pa> | undefined;

function loadLibrary(): Promise<C2pa> {
  loading ??= (async () => {
    provideFileReader();
    try {
      const library = (await import(LIBRARY)) as C2pa;
      await library.default({ module_or_path: await readFile(require.resolve(`${LIBRARY}/c2pa.wasm`)) });
      return library;
    } catch (error) {
      const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
      throw new CredentialsError(`Signing must have ${LIBRARY} installed (npm install ${LIBRARY}), got: ${reason}.`);
    }
  })();
  return loading;
}
