/** `/jobs/:id`: one job. */
import { Hono } from 'hono';
import { JobIdSchema } from '../../../contract/job';
import { readJobDetails } from '../job-details';
import type { PageContext } from '../page-context';
import { jobPage } from '../views/job';
import { messagePage } from '../views/message';
import { uploadedPage } from '../views/uploaded';

/** Query of the address that a finished upload leads to: the job exists a moment later. */
export const UPLOADED = 'uploaded';

export function jobRoutes(context: PageContext): Hono {
  return new Hono().get('/jobs/:id', async (c) => {
    const id = JobIdSchema.safeParse(c.req.param('id'));
    const details = id.success ? await readJobDetails(context, id.data) : null;
    c.header('cache-control', 'no-cache');
    if (details) return c.html(jobPage(context, details));
    if (id.success && c.req.query(UPLOADED) !== undefined) return c.html(uploadedPage(context, id.data));
    return c.html(messagePage('No such job', 'No job has this id. It may belong to another deployment.'), 404);
  });
}
