/** `/files/<bucket>/<key>?expires&signature`: references and results, for whoever has a link that is still good. */
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { type Context, Hono } from 'hono';
import { type LinkTarget, verifyLink } from '../../../clients/local/signed-link';
import type { ObjectInfo } from '../../../clients/object-store';
import { type ByteRange, parseByteRange } from '../byte-range';
import type { PageContext } from '../page-context';
import { sharedFile } from '../shared-file';
import { messagePage } from '../views/message';

export function fileRoutes(context: PageContext): Hono {
  return new Hono().get('/files/*', async (c) => {
    const target = verifyLink(c.req.url, context.linkKey, context.now());
    if (!target) return c.html(messagePage('Link not valid', 'It has expired, or it was changed on its way.'), 403);
    const file = sharedFile(target);
    const info = file && (await context.ports.buckets[target.bucket].head(target.key));
    if (!file || !info) return c.html(messagePage('Nothing here', 'The file that this link led to is gone.'), 404);

    const tag = `"${info.etag}"`;
    c.header('content-type', file.contentType);
    c.header('content-disposition', `inline; filename*=UTF-8''${encodeURIComponent(file.name)}`);
    c.header('content-security-policy', file.policy);
    c.header('accept-ranges', 'bytes');
    c.header('cache-control', 'private, no-cache');
    c.header('etag', tag);
    if (c.req.header('if-none-match') === tag) return c.body(null, 304);

    const ifRange = c.req.header('if-range');
    const range = ifRange && ifRange !== tag ? null : parseByteRange(c.req.header('range'), info.size);
    if (range === 'unsatisfiable') {
      c.header('content-range', `bytes */${info.size}`);
      return c.body(null, 416);
    }
    if (range) c.header('content-range', `bytes ${range.start}-${range.end}/${info.size}`);
    return send(c, context, target, info, range);
  });
}

function send(c: Context, context: PageContext, target: LinkTarget, { size }: ObjectInfo, range: ByteRange | null) {
  const { start, end } = range ?? { start: 0, end: size - 1 };
  c.header('content-length', String(end - start + 1));
  c.status(range ? 206 : 200);
  if (c.req.method === 'HEAD' || size === 0) return c.body(null);
  const stream = createReadStream(context.fileOf(target.bucket, target.key), { start, end });
  return c.body(Readable.toWeb(stream) as ReadableStream<Uint8Array>);
}
