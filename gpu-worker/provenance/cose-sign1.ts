/**
 * A COSE_Sign1 structure as Content Credentials carry their signature: detached payload, certificate chain in the protected header,
 * padded to a length that was promised before.
 * Sources: RFC 9052, 4.2 and 4.4 (COSE_Sign1); RFC 9360, 2 (x5chain); RFC 8949, 3.1 (CBOR); C2PA specification 2.1, 13.2.
 */
import { type KeyObject, sign } from 'node:crypto';

export interface CoseAlgorithm {
  /** Of the IANA registry "COSE Algorithms". */
  readonly id: number;
  /** As Node names it; null where the key itself decides. */
  readonly hash: 'sha256' | 'sha384' | 'sha512' | null;
  /** As the C2PA library names it. */
  readonly name: 'es256' | 'es384' | 'es512' | 'ed25519';
}

/** Labels of the header. */
const ALG = 1;
const X5CHAIN = 33;
const SIGN1_TAG = 18;
const NULL = Buffer.from([0xf6]);
/** Most bytes that the header of a byte string takes here. */
const MAX_HEAD_BYTES = 5;

/**
 * @param chain DER certificates, the signer's own first, without the root.
 * @param reservedBytes exact length of the result.
 * @throws Error when chain and signature do not fit into it.
 */
export function coseSign1(
  payload: Uint8Array,
  { chain, key, algorithm }: { chain: readonly Uint8Array[]; key: KeyObject; algorithm: CoseAlgorithm },
  reservedBytes: number,
): Uint8Array {
  const [first, ...rest] = chain.map(byteString);
  if (!first) throw new Error('The chain must hold a certificate, got none.');
  const x5chain = rest.length === 0 ? first : array([first, ...rest]);
  const protectedHeader = map([
    [integer(ALG), integer(algorithm.id)],
    [integer(X5CHAIN), x5chain],
  ]);
  const toBeSigned = array([
    textString('Signature1'),
    byteString(protectedHeader),
    byteString(new Uint8Array()),
    byteString(payload),
  ]);
  // COSE has the two numbers of an ECDSA signature side by side, not in DER.
  const signature = sign(algorithm.hash, toBeSigned, { key, dsaEncoding: 'ieee-p1363' });
  const structure = (padding: number) =>
    Buffer.concat([
      head(6, SIGN1_TAG),
      array([
        byteString(protectedHeader),
        map([[textString('pad'), byteString(new Uint8Array(padding))]]),
        NULL,
        byteString(signature),
      ]),
    ]);
  return new Uint8Array(padded(structure, reservedBytes));
}

/** A longer padding may need a longer head, so the length is tried from above. */
function padded(structure: (padding: number) => Buffer, length: number): Buffer {
  const most = length - structure(0).length;
  for (let padding = most; padding >= Math.max(0, most - MAX_HEAD_BYTES); padding--) {
    const result = structure(padding);
    if (result.length === length) return result;
  }
  throw new Error(`A signature must fit into ${length} bytes, got one of ${structure(0).length}.`);
}

/** @param major type of RFC 8949, 0 to 7. */
function head(major: number, value: number): Buffer {
  const type = major << 5;
  if (value < 24) return Buffer.from([type | value]);
  const bytes = value < 2 ** 8 ? 1 : value < 2 ** 16 ? 2 : 4;
  const buffer = Buffer.alloc(1 + bytes, type | (23 + Math.log2(bytes) + 1));
  buffer.writeUIntBE(value, 1, bytes);
  return buffer;
}

function integer(value: number): Buffer {
  return value < 0 ? head(1, -1 - value) : head(0, value);
}

function byteString(bytes: Uint8Array): Buffer {
  return Buffer.concat([head(2, bytes.length), bytes]);
}

function textString(text: string): Buffer {
  return Buffer.concat([head(3, Buffer.byteLength(text)), Buffer.from(text)]);
}

function array(items: readonly Buffer[]): Buffer {
  return Buffer.concat([head(4, items.length), ...items]);
}

function map(entries: readonly (readonly [Buffer, Buffer])[]): Buffer {
  return Buffer.concat([head(5, entries.length), ...entries.flat()]);
}
