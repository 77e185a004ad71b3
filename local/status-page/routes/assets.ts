/** Style, script and icon. */
import { Hono } from 'hono';
import { findAsset } from '../assets';

const ONE_YEAR_SECONDS = 31_536_000;

export function assetRoutes(): Hono {
  return new Hono().get('/assets/:name', (c) => {
    const asset = findAsset(c.req.param('name'));
    if (!asset) return c.notFound();
    const isThisVersion = c.req.query('v') === asset.version;
    return c.body(asset.body, 200, {
      'content-type': asset.contentType,
      'cache-control': isThisVersion ? `public, max-age=${ONE_YEAR_SECONDS}, immutable` : 'no-cache',
    });
  });
}
