/** `/new`: the form. */
import { Hono } from 'hono';
import { listModels } from '../available-models';
import type { PageContext } from '../page-context';
import { newJobPage } from '../views/new-job';

export function newJobRoutes(context: PageContext): Hono {
  return new Hono().get('/new', async (c) => {
    c.header('cache-control', 'no-cache');
    return c.html(newJobPage(context, await listModels(context.ports.buckets.models)));
  });
}
