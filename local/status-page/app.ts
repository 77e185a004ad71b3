/** The status page as one application: what guards every request, then the pages, then what is not there. */
import { Hono } from 'hono';
import { csrf } from 'hono/csrf';
import { etag } from 'hono/etag';
import { HTTPException } from 'hono/http-exception';
import { JobRejected } from '../../contract/rejection';
import { requireCsrfToken } from './csrf-token';
import { requireKnownHost } from './host-check';
import type { PageContext } from './page-context';
import { assetRoutes } from './routes/assets';
import { cancelRoutes } from './routes/cancel';
import { fileRoutes } from './routes/files';
import { jobRoutes } from './routes/job';
import { listRoutes } from './routes/list';
import { newJobRoutes } from './routes/new-job';
import { uploadRoutes } from './routes/upload';
import { securityHeaders } from './security-headers';
import { messagePage } from './views/message';

export function statusApp(context: PageContext): Hono {
  const app = new Hono();
  app.use(securityHeaders());
  app.use(requireKnownHost(context));
  app.use(csrf());
  app.use(requireCsrfToken(context.csrfToken));

  app.route('/', assetRoutes());
  app.route('/', fileRoutes(context));
  // What changes is asked for every second: an unchanged page is answered with 304.
  app.use(etag());
  app.route('/', listRoutes(context));
  app.route('/', jobRoutes(context));
  app.route('/', cancelRoutes(context));
  app.route('/', newJobRoutes(context));
  app.route('/', uploadRoutes(context));

  app.notFound((c) =>
    c.html(messagePage('Nothing here', 'This address leads to no page. The jobs are in the list.'), 404),
  );
  app.onError((error, c) => {
    if (error instanceof HTTPException) return error.getResponse();
    if (error instanceof JobRejected) return c.json({ errors: error.details }, 422);
    console.error(`${c.req.method} ${c.req.path}: ${error.message}`);
    return c.html(messagePage('Something went wrong', 'The page could not be made. Its log says why.'), 500);
  });
  return app;
}
