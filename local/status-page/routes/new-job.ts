/** `/new`: the form; with `?accept=no_face,small_face` those are ticked. */
import { Hono } from 'hono';
import { ERROR_CODES } from '../../../contract/reference-check';
import { listModels } from '../available-models';
import type { PageContext } from '../page-context';
import { newJobPage } from '../views/new-job';

export function newJobRoutes(context: PageContext): Hono {
  return new Hono().get('/new', async (c) => {
    c.header('cache-control', 'no-cache');
    const asked = (c.req.query('accept') ?? '').split(',');
    const accepted = ERROR_CODES.filter((code) => asked.includes(code));
    return c.html(newJobPage(context, await listModels(context.ports.buckets.models), accepted));
  });
}
