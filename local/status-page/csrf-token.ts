/**
 * The second half of the guard against forged requests (the first is hono/csrf, which looks at Origin and Sec-Fetch-Site of forms):
 * whatever changes something must bear the token that stands in our own pages.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { messagePage } from './views/message';

export const CSRF_HEADER = 'x-csrf-token';
export const CSRF_FIELD = 'csrf_token';

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];
const FORM = 'application/x-www-form-urlencoded';
/** A form with a token and nothing else. */
const MAX_FORM_BYTES = 4096;

export function requireCsrfToken(token: string): MiddlewareHandler {
  return async (c, next) => {
    if (!SAFE_METHODS.includes(c.req.method) && !isSame(await tokenOf(c), token)) {
      const text =
        'This page was made by an earlier run of the server. Go back, load it again, and repeat what you did.';
      return c.html(messagePage('Please load the page again', text), 403);
    }
    await next();
  };
}

async function tokenOf(c: Context): Promise<string> {
  const header = c.req.header(CSRF_HEADER);
  if (header !== undefined) return header;
  const isForm = c.req.header('content-type')?.startsWith(FORM);
  if (!isForm || Number(c.req.header('content-length') ?? Number.POSITIVE_INFINITY) > MAX_FORM_BYTES) return '';
  const value = (await c.req.parseBody())[CSRF_FIELD];
  return typeof value === 'string' ? value : '';
}

function isSame(given: string, token: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(token)];
  return a.length === b.length && timingSafeEqual(a, b);
}
