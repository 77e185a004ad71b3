import { generateKeyPairSync, verify } from 'node:crypto';
import { type CoseAlgorithm, coseSign1 } from '../../../gpu-worker/provenance/cose-sign1';

const CHAIN = [Buffer.from('the signer'), Buffer.from('its issuer')];
const CLAIM = Buffer.from('a claim');
const ES256: CoseAlgorithm = { id: -7, hash: 'sha256', name: 'es256' };
const ED25519: CoseAlgorithm = { id: -8, hash: null, name: 'ed25519' };

/** Enough of CBOR to read what we write: integers, bytes, texts, lists, maps, tags, null. Source: RFC 8949, 3.1. */
function decode(bytes: Buffer): unknown {
  let at = 0;
  const read = (): unknown => {
    const first = bytes[at++]!;
    const short = first & 31;
    const length = short < 24 ? 0 : 2 ** (short - 24);
    const value = length === 0 ? short : bytes.readUIntBE(at, length);
    at += length;
    switch (first >> 5) {
      case 0:
        return value;
      case 1:
        return -1 - value;
      case 2:
        at += value;
        return bytes.subarray(at - value, at);
      case 3:
        at += value;
        return bytes.toString('utf8', at - value, at);
      case 4:
        return Array.from({ length: value }, read);
      case 5:
        return new Map(Array.from({ length: value }, () => [read(), read()] as const));
      case 6:
        return { tag: value, content: read() };
      default:
        return first === 0xf6 ? null : undefined;
    }
  };
  const value = read();
  expect(at).toBe(bytes.length);
  return value;
}

/** What RFC 9052, 4.4 has signed. */
function toBeSigned(protectedHeader: Buffer, payload: Buffer): Buffer {
  const bytes = (content: Buffer) => {
    const head = content.length < 24 ? Buffer.from([0x40 | content.length]) : Buffer.from([0x58, content.length]);
    return Buffer.concat([head, content]);
  };
  return Buffer.concat([
    Buffer.from([0x84, 0x6a]),
    Buffer.from('Signature1'),
    bytes(protectedHeader),
    bytes(Buffer.alloc(0)),
    bytes(payload),
  ]);
}

test.each([
  ['ECDSA on P-256', ES256, () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' })],
  ['Ed25519', ED25519, () => generateKeyPairSync('ed25519')],
])(
  '%s: the chain and the algorithm are protected, the payload is detached, the signature holds',
  (_what, algorithm, generate) => {
    const { privateKey, publicKey } = generate();
    const bytes = Buffer.from(coseSign1(CLAIM, { chain: CHAIN, key: privateKey, algorithm }, 2000));
    expect(bytes).toHaveLength(2000);
    const { tag, content } = decode(bytes) as { tag: number; content: [Buffer, Map<string, Buffer>, null, Buffer] };
    const [header, unprotected, payload, signature] = content;
    expect([tag, payload]).toEqual([18, null]);
    expect(decode(header)).toEqual(
      new Map<number, unknown>([
        [1, algorithm.id],
        [33, CHAIN],
      ]),
    );
    expect(unprotected.get('pad')?.every((byte) => byte === 0)).toBe(true);
    const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const;
    expect(verify(algorithm.hash, toBeSigned(header, CLAIM), key, signature)).toBe(true);
    expect(verify(algorithm.hash, toBeSigned(header, Buffer.from('b claim')), key, signature)).toBe(false);
  },
);

test('a chain of one stands as a certificate, not as a list', () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const bytes = coseSign1(CLAIM, { chain: CHAIN.slice(0, 1), key: privateKey, algorithm: ED25519 }, 1000);
  const { content } = decode(Buffer.from(bytes)) as { content: [Buffer] };
  expect((decode(content[0]) as Map<number, unknown>).get(33)).toEqual(CHAIN[0]);
});

test('what does not fit into the promised length is refused', () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const signer = { chain: CHAIN, key: privateKey, algorithm: ED25519 };
  expect(() => coseSign1(CLAIM, signer, 100)).toThrow(/^A signature must fit into 100 bytes, got one of 1\d\d\.$/);
});
