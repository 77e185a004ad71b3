/** `/`: the jobs. */
import { Hono } from 'hono';
import { type JobQuery, listJobs, STATE_FILTERS } from '../job-list';
import type { PageContext } from '../page-context';
import { listPage } from '../views/list';

export function listRoutes(context: PageContext): Hono {
  return new Hono().get('/', async (c) => {
    const query: JobQuery = {
      state: STATE_FILTERS.find((state) => state === c.req.query('state')) ?? null,
      tenant: c.req.query('tenant')?.trim() || null,
      cursor: c.req.query('cursor') || null,
    };
    const page = await listJobs(context.ports.jobs, query, context.now());
    c.header('cache-control', 'no-cache');
    return c.html(listPage(context, query, page));
  });
}
