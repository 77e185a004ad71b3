/** What a browser may do on our pages: show what this server sends, and nothing else. No inline script, no inline style. */
import type { MiddlewareHandler } from 'hono';
import { secureHeaders } from 'hono/secure-headers';

export function securityHeaders(): MiddlewareHandler {
  return secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      // blob: shows a photo before it is uploaded.
      imgSrc: ["'self'", 'blob:'],
      mediaSrc: ["'self'"],
      connectSrc: ["'self'"],
      formAction: ["'self'"],
      baseUri: ["'none'"],
      frameAncestors: ["'none'"],
    },
    // Not 'no-referrer': it would make a form's Origin "null", which the guard against forged requests refuses.
    referrerPolicy: 'same-origin',
    xFrameOptions: 'DENY',
    // Plain http on one machine.
    strictTransportSecurity: false,
    // A file's own policy, set by its route, stays.
    overwrite: false,
  });
}
