/**
 * Signing with the example certificate in the fixtures. Whether a verifier takes the signature is its own matter and was tried by hand
 * (docs/provenance.md); here is what must hold wherever the tests run.
 */
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ALL_FORMATS, BufferSource, EncodedPacketSink, Input } from 'mediabunny';
import * as env from '../../../contract/env';
import { CredentialsError } from '../../../gpu-worker/errors';
import { openSigner, readCredentials } from '../../../gpu-worker/provenance/content-credentials';
import { credentialsFromEnv } from '../../../gpu-worker/provenance/credentials-from-env';
import { provenanceXmp } from '../../../gpu-worker/provenance/xmp';
import { ORIGIN } from '../../origin';

const FIXTURES = path.resolve(__dirname, '../../fixtures/provenance');
const CERTIFICATE_FILE = path.join(FIXTURES, 'signer.example.cert.pem');
const KEY_FILE = path.join(FIXTURES, 'signer.example.key.pem');
const CERTIFICATES = readFileSync(CERTIFICATE_FILE, 'utf8');
const PRIVATE_KEY = readFileSync(KEY_FILE, 'utf8');
/** Of the box that holds Content Credentials. Source: C2PA specification 2.1, A.5. */
const C2PA_UUID = 'd8fec3d61b0e483c92975828877ec481';
const LIBRARY = '@contentauth/c2pa-wasm/c2pa.wasm';

function isInstalled(): boolean {
  try {
    require.resolve(LIBRARY);
    return true;
  } catch {
    return false;
  }
}

function pemOf(key: ReturnType<typeof generateKeyPairSync>['privateKey']): string {
  return (key as { export(options: object): string }).export({ type: 'pkcs8', format: 'pem' });
}

describe('certificate and key', () => {
  test('the root is not sent, and the key decides the algorithm', () => {
    const { chain, algorithm } = readCredentials({ certificates: CERTIFICATES, privateKey: PRIVATE_KEY });
    expect(CERTIFICATES.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(chain).toHaveLength(1);
    expect(algorithm).toEqual({ id: -7, hash: 'sha256', name: 'es256' });
  });

  test.each([
    ['no certificate', 'nothing', PRIVATE_KEY, 'certificates must be PEM texts of certificates, got none.'],
    [
      'a broken certificate',
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
      PRIVATE_KEY,
      'certificates must be PEM texts of certificates, got one that cannot be read.',
    ],
    [
      'no key',
      CERTIFICATES,
      'secret text',
      'privateKey must be the PEM text of an unencrypted private key, got something else.',
    ],
    [
      'another key',
      CERTIFICATES,
      pemOf(generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey),
      'privateKey must be that of the first certificate, got another one.',
    ],
    [
      'a key of another kind',
      CERTIFICATES,
      pemOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey),
      'privateKey must be of prime256v1, secp384r1, secp521r1, ed25519, got rsa.',
    ],
  ])('%s is refused, and the message tells nothing of the key', (_what, certificates, privateKey, message) => {
    expect(() => readCredentials({ certificates, privateKey })).toThrow(new CredentialsError(message));
  });

  test('the environment holds them as texts or names their files; without them nothing is signed', async () => {
    const expected = { certificates: CERTIFICATES, privateKey: PRIVATE_KEY };
    const files = { [env.C2PA_CERTIFICATES]: CERTIFICATE_FILE, [env.C2PA_PRIVATE_KEY]: KEY_FILE };
    expect(await credentialsFromEnv(files)).toEqual(expected);
    const texts = { [env.C2PA_CERTIFICATES]: CERTIFICATES, [env.C2PA_PRIVATE_KEY]: PRIVATE_KEY };
    expect(await credentialsFromEnv(texts)).toEqual(expected);
    expect(await credentialsFromEnv({})).toBeUndefined();
    await expect(credentialsFromEnv({ [env.C2PA_PRIVATE_KEY]: KEY_FILE })).rejects.toThrow(
      'MV2ID_C2PA_CERTIFICATES must be set where its counterpart is, got nothing.',
    );
    await expect(credentialsFromEnv({ ...files, [env.C2PA_PRIVATE_KEY]: '/nowhere' })).rejects.toThrow(
      'MV2ID_C2PA_PRIVATE_KEY must be a PEM text or a file that can be read, got ENOENT.',
    );
  });
});

if (isInstalled()) {
  test('a signed clip plays as before, with its credentials in front and its XMP where it was', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'mv2id-signed-'));
    try {
      const environment = {
        ...process.env,
        [env.C2PA_CERTIFICATES]: CERTIFICATE_FILE,
        [env.C2PA_PRIVATE_KEY]: KEY_FILE,
      };
      const program = path.join(__dirname, 'sign-sample.ts');
      execFileSync(process.execPath, ['--require', require.resolve('../../../bin/typescript'), program, folder], {
        env: environment,
      });
      const video = readFileSync(path.join(folder, 'video.mp4'));
      expect(video.indexOf(Buffer.from(C2PA_UUID, 'hex'))).toBeLessThan(video.indexOf('moov'));
      expect(video.indexOf('moov')).toBeLessThan(video.indexOf('mdat'));
      expect(video.includes(provenanceXmp(ORIGIN))).toBe(true);
      expect(video.includes('trainedAlgorithmicMedia')).toBe(true);
      const input = new Input({ formats: ALL_FORMATS, source: new BufferSource(video) });
      const track = (await input.getPrimaryVideoTrack())!;
      let packets = 0;
      for await (const packet of new EncodedPacketSink(track).packets()) {
        expect(video.includes(Buffer.from(packet.data))).toBe(true);
        packets++;
      }
      expect(packets).toBe(9);
      const poster = readFileSync(path.join(folder, 'poster.jpg'));
      expect(poster.includes('c2pa.actions.v2')).toBe(true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
} else {
  test('without the optional library a signer is refused with what to install', async () => {
    const opening = openSigner({ certificates: CERTIFICATES, privateKey: PRIVATE_KEY });
    await expect(opening).rejects.toThrow(CredentialsError);
    await expect(opening).rejects.toThrow('Signing must have @contentauth/c2pa-wasm installed');
  });
}
