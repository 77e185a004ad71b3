/** `/jobs/:id/cancel`: the question, and what its answer does. */
import { type Context, Hono } from 'hono';
import { isTerminal, type JobId, JobIdSchema } from '../../../contract/job';
import { cancelJob } from '../cancel-job';
import type { PageContext } from '../page-context';
import { cancelPage } from '../views/cancel';
import { messagePage } from '../views/message';

export function cancelRoutes(context: PageContext): Hono {
  return new Hono()
    .get('/jobs/:id/cancel', async (c) => {
      const id = jobIdOf(c);
      const record = id && (await context.ports.jobs.get(id));
      if (!record) return noSuchJob(c);
      return isTerminal(record.job.status) ? c.redirect(`/jobs/${record.id}`) : c.html(cancelPage(context, record));
    })
    .post('/jobs/:id/cancel', async (c) => {
      const id = jobIdOf(c);
      const isThere = id !== null && (await cancelJob(context, id));
      return isThere ? c.redirect(`/jobs/${id}`, 303) : noSuchJob(c);
    });
}

function jobIdOf(c: Context): JobId | null {
  const id = JobIdSchema.safeParse(c.req.param('id'));
  return id.success ? id.data : null;
}

function noSuchJob(c: Context) {
  return c.html(messagePage('No such job', 'No job has this id.'), 404);
}
