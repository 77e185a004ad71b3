/** The documents that cross the border between the service and its users, and what is said of each field. */
import type { z } from 'zod';
import { WebhookBodySchema } from '../../contract/events';
import { JobSchema } from '../../contract/job';
import { ManifestSchema } from '../../contract/manifest';
import { ReportSchema } from '../../contract/report';
import { jobPageDescriptions } from './job-page';
import { fieldComments } from './source-comments';

export interface Document {
  /** Of the page's section, and of the schema. */
  readonly title: string;
  readonly about: string;
  readonly schema: z.ZodObject;
  /** In the repository. */
  readonly schemaFile: string;
  readonly id: string;
  /** Whether users write it. What we write may gain fields, and the schema lets them pass. */
  readonly isInput: boolean;
  /** Path of a field -> what it means. */
  readonly descriptions: ReadonlyMap<string, string>;
}

/** In the order of the flow. */
export function documents(): Document[] {
  const ofJobPage = jobPageDescriptions();
  return [
    {
      title: 'job.json',
      about: 'What somebody writes beside the reference images to ask for a video. Unknown keys are errors.',
      schema: ManifestSchema,
      schemaFile: 'docs/contract/job.schema.json',
      id: 'urn:mv2id:job.json:1',
      isInput: true,
      descriptions: ofJobPage.manifest,
    },
    {
      title: 'The job object',
      about: 'What became of it: `job.json` among the results, `mv2id status --json`, `data` of a webhook.',
      schema: JobSchema,
      schemaFile: 'docs/contract/job-object.schema.json',
      id: 'urn:mv2id:job-object:1',
      isInput: false,
      descriptions: ofJobPage.job,
    },
    {
      title: 'Webhooks',
      about: 'The body of every webhook, the envelope of Standard Webhooks.',
      schema: WebhookBodySchema,
      schemaFile: 'docs/contract/webhook.schema.json',
      id: 'urn:mv2id:webhook:1',
      isInput: false,
      descriptions: new Map([
        ['type', 'what happened; `webhook.test` is a trial'],
        ['timestamp', 'when the job changed'],
        ...[...ofJobPage.job].map(([field, text]): [string, string] => [`data.${field}`, text]),
      ]),
    },
    {
      title: 'report.json',
      about: 'How a video came about, for people who compare. `report.html` shows the same.',
      schema: ReportSchema,
      schemaFile: 'docs/contract/report.schema.json',
      id: 'urn:mv2id:report:1',
      isInput: false,
      descriptions: new Map([
        ...fieldComments('contract/report.ts', 'ReportSchema'),
        ...[...fieldComments('contract/report-faces.ts', 'ReportFacesSchema')].map(
          ([field, text]): [string, string] => [`faces.${field}`, text],
        ),
      ]),
    },
  ];
}
