import { signLink, verifyLink } from '../../../clients/local/signed-link';

const SIGNING_KEY = Buffer.alloc(32, 7);
const NOW = new Date('2026-01-01T00:00:00Z');
const LATER = new Date('2026-01-01T00:01:00Z');
const TARGET = { bucket: 'results', key: 'jobs/job-1/video.mp4' } as const;

test('a link leads to its object until it expires', () => {
  const link = signLink('http://127.0.0.1:8080/', TARGET, LATER, SIGNING_KEY);
  expect(link).toMatch(
    /^http:\/\/127\.0\.0\.1:8080\/files\/results\/jobs\/job-1\/video\.mp4\?expires=1767225660&signature=[0-9a-f]{64}$/,
  );
  expect(verifyLink(link, SIGNING_KEY, NOW)).toEqual(TARGET);
  expect(verifyLink(new URL(link), SIGNING_KEY, new Date(LATER.getTime() - 1))).toEqual(TARGET);
  expect(verifyLink(link, SIGNING_KEY, LATER)).toBeNull();
});

test('the host does not matter, because a proxy may stand between', () => {
  const { pathname, search } = new URL(signLink('http://127.0.0.1:8080', TARGET, LATER, SIGNING_KEY));
  expect(verifyLink(pathname + search, SIGNING_KEY, NOW)).toEqual(TARGET);
});

test.each(['a b+c%2F/ä?#&=.png', '日本/😀.png', 'quotes\'"().png'])('the key %j survives', (key) => {
  const link = signLink('http://[::1]:1', { bucket: 'uploads', key }, LATER, SIGNING_KEY);
  expect(verifyLink(link, SIGNING_KEY, NOW)).toEqual({ bucket: 'uploads', key });
});

test('whatever is changed, the link leads nowhere', () => {
  const link = signLink('http://h', TARGET, LATER, SIGNING_KEY);
  const changes: [string | RegExp, string][] = [
    ['results', 'uploads'],
    ['results', 'secrets'],
    ['job-1', 'job-2'],
    ['video', '%zz'],
    ['/files/', '/other/'],
    ['expires=1767225660', 'expires=1767225661'],
    ['expires=1767225660', 'expires=Infinity'],
    [/signature=../, 'signature=zz'],
    [/signature=.*/, 'signature='],
    [/&signature=.*/, ''],
  ];
  for (const [from, to] of changes) {
    const changed = link.replace(from, to);
    expect(changed).not.toBe(link);
    expect(verifyLink(changed, SIGNING_KEY, NOW)).toBeNull();
  }
  expect(verifyLink(link, Buffer.alloc(32, 8), NOW)).toBeNull();
});
