/** Which addresses a webhook may go to: as written, and as they resolve. */
import fc from 'fast-check';
import { checkAddress, ForbiddenAddress, isPublic, literalAddressProblem } from '../../lambdas/webhook-address';

const AWS = { isLocal: false };
const LOCAL = { isLocal: true };

test.each([
  'https://receiver.example/hooks?customer=7',
  'https://receiver.example:8443/',
  'https://receiver.example:443/',
  'https://8.8.8.8/',
  'https://[2606:4700:4700::1111]/',
])('%s may be', (url) => {
  expect(literalAddressProblem(url, AWS)).toBeNull();
  expect(literalAddressProblem(url, LOCAL)).toBeNull();
});

const PUBLIC = 'at a public address';
const HTTPS = 'an https address';
test.each([
  ['http://receiver.example/', HTTPS],
  ['ftp://receiver.example/', HTTPS],
  ['file:///etc/passwd', HTTPS],
  ['receiver.example', HTTPS],
  ['', HTTPS],
  ['https://user@receiver.example/', 'an address without user name, password or fragment'],
  ['https://user:pass@receiver.example/', 'an address without user name, password or fragment'],
  ['https://receiver.example/#x', 'an address without user name, password or fragment'],
  ['https://receiver.example:22/', 'at port 443 or 8443'],
  ['https://receiver.example:80/', 'at port 443 or 8443'],
  ['https://localhost/', PUBLIC],
  ['https://localhost./', PUBLIC],
  ['https://a.localhost/', PUBLIC],
  ['https://127.0.0.1/', PUBLIC],
  ['https://127.9.9.9/', PUBLIC],
  ['https://2130706433/', PUBLIC],
  ['https://0x7f000001/', PUBLIC],
  ['https://0x7f.1/', PUBLIC],
  ['https://0177.0.0.1/', PUBLIC],
  ['https://127.0.0.1./', PUBLIC],
  ['https://１２７.0.0.1/', PUBLIC],
  ['https://0.0.0.0/', PUBLIC],
  ['https://169.254.169.254/latest/meta-data', PUBLIC],
  ['https://168.63.129.16/', PUBLIC],
  ['https://10.0.0.1/', PUBLIC],
  ['https://[::1]/', PUBLIC],
  ['https://[::]/', PUBLIC],
  ['https://[::ffff:127.0.0.1]/', PUBLIC],
  ['https://[::ffff:a9fe:a9fe]/', PUBLIC],
  ['https://[fd00:ec2::254]/', PUBLIC],
])('%s may not be', (url, rule) => {
  expect(literalAddressProblem(url, AWS)).toBe(`webhook must be ${rule}, got "${url}".`);
});

test('a long address is cut in the message', () => {
  const problem = literalAddressProblem(`https://receiver.example/${'a'.repeat(3000)}`, AWS);
  expect(problem).toMatch(/^webhook must be an address of at most 2048 characters, got "https:.{40,60}\.\.\.\.$/);
});

test('one machine allows loopback as well, and nothing else that is private', () => {
  for (const url of [
    'http://127.0.0.1:4321/',
    'http://127.3.2.1/',
    'http://localhost:4321/hooks',
    'http://[::1]:4321/',
    'https://localhost:4321/',
  ]) {
    expect(literalAddressProblem(url, LOCAL)).toBeNull();
    expect(literalAddressProblem(url, AWS)).not.toBeNull();
  }
  for (const url of ['http://10.0.0.1/', 'http://169.254.169.254/', 'http://receiver.example/', 'http://0.0.0.0/']) {
    const rule = 'an https address (plain http only to loopback)';
    expect(literalAddressProblem(url, LOCAL)).toBe(`webhook must be ${rule}, got "${url}".`);
  }
  expect(literalAddressProblem('https://192.168.1.1/', LOCAL)).toContain(PUBLIC);
});

test.each([
  ['this network', '0.1.2.3'],
  ['private', '10.1.2.3'],
  ['private', '172.16.0.1'],
  ['private', '192.168.0.1'],
  ['shared (CGNAT)', '100.64.0.1'],
  ['Alibaba metadata', '100.100.100.200'],
  ['loopback', '127.0.0.1'],
  ['link-local, metadata', '169.254.169.254'],
  ['IETF', '192.0.0.8'],
  ['documentation', '192.0.2.1'],
  ['documentation', '198.51.100.1'],
  ['documentation', '203.0.113.1'],
  ['6to4 relay', '192.88.99.1'],
  ['benchmarking', '198.18.0.1'],
  ['multicast', '224.0.0.1'],
  ['class E', '240.0.0.1'],
  ['broadcast', '255.255.255.255'],
  ['Azure platform', '168.63.129.16'],
  ['unspecified', '::'],
  ['loopback', '::1'],
  ['v4-compatible', '::127.0.0.1'],
  ['v4-mapped private', '::ffff:10.0.0.1'],
  ['v4-mapped Azure', '::ffff:168.63.129.16'],
  ['v4-translated', '::ffff:0:127.0.0.1'],
  ['NAT64', '64:ff9b::127.0.0.1'],
  ['NAT64 of a public one', '64:ff9b::8.8.8.8'],
  ['local NAT64', '64:ff9b:1::1'],
  ['discard', '100::1'],
  ['Teredo', '2001::1'],
  ['benchmarking', '2001:2::1'],
  ['ORCHID', '2001:20::1'],
  ['documentation', '2001:db8::1'],
  ['documentation', '3fff::1'],
  ['6to4 of loopback', '2002:7f00:1::'],
  ['SRv6', '5f00::1'],
  ['unique local', 'fc00::1'],
  ['link-local', 'fe80::1'],
  ['link-local with a zone', 'fe80::1%eth0'],
  ['site-local', 'fec0::1'],
  ['multicast', 'ff02::1'],
  ['nobody yet', '4000::1'],
  ['no address', 'receiver.example'],
])('%s: %s is not public', (_what, address) => {
  expect(isPublic(address)).toBe(false);
});

test.each(['8.8.8.8', '93.184.216.34', '2606:4700:4700::1111', '::ffff:8.8.8.8'])('%s is public', (address) => {
  expect(isPublic(address)).toBe(true);
});

describe('a name', () => {
  const resolving =
    (...addresses: string[]) =>
    async () =>
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

  test('is resolved once, and what it resolved to is what may be connected to', async () => {
    const resolve = jest.fn(resolving('8.8.8.8', '2606:4700:4700::1111'));
    expect(await checkAddress('https://receiver.example/', AWS, resolve)).toEqual([
      { address: '8.8.8.8', family: 4 },
      { address: '2606:4700:4700::1111', family: 6 },
    ]);
    expect(resolve.mock.calls).toEqual([['receiver.example']]);
  });

  test.each([
    [['10.0.0.1']],
    [['169.254.169.254']],
    [['8.8.8.8', '127.0.0.1']],
    [['2606:4700:4700::1111', '::1']],
    [['::ffff:169.254.169.254']],
  ])('that resolves to %j is refused', async (addresses) => {
    const checked = checkAddress('https://receiver.example/', AWS, resolving(...addresses));
    await expect(checked).rejects.toThrow(ForbiddenAddress);
    await expect(checked).rejects.toThrow(
      `receiver.example must resolve to public addresses only, got ${addresses.at(-1)}.`,
    );
  });

  test('without any address is refused', async () => {
    await expect(checkAddress('https://receiver.example/', AWS, resolving())).rejects.toThrow('got nothing');
  });

  test('that is wrong as written, and a literal address, is never looked up', async () => {
    const resolve = jest.fn(resolving('8.8.8.8'));
    await expect(checkAddress('https://127.0.0.1/', AWS, resolve)).rejects.toThrow(ForbiddenAddress);
    expect(await checkAddress('https://8.8.4.4/', AWS, resolve)).toEqual([{ address: '8.8.4.4', family: 4 }]);
    expect(resolve).not.toHaveBeenCalled();
  });

  test('of one machine: localhost must be loopback, others must be public', async () => {
    expect(await checkAddress('http://localhost:1/', LOCAL, resolving('127.0.0.1', '::1'))).toHaveLength(2);
    await expect(checkAddress('http://localhost:1/', LOCAL, resolving('10.0.0.1'))).rejects.toThrow(ForbiddenAddress);
    const private_ = checkAddress('https://receiver.example/', LOCAL, resolving('127.0.0.1'));
    await expect(private_).rejects.toThrow(ForbiddenAddress);
  });
});

test('whatever is written, the answer is null or one sentence', () => {
  const address = fc.oneof(
    fc.string(),
    fc.webUrl(),
    fc.ipV4().map((ip) => `https://${ip}/`),
    fc.ipV6().map((ip) => `https://[${ip}]/`),
  );
  fc.assert(
    fc.property(address, fc.boolean(), (text, isLocal) => {
      const problem = literalAddressProblem(text, { isLocal });
      return problem === null || /^webhook must be .*, got [^\n]*\.$/.test(problem);
    }),
  );
});
