/** What docs/job.md says of the fields of job.json and of the job object. A test of its own holds that page to the schemas. */
import { readFileSync } from 'node:fs';
import path from 'node:path';

export interface JobPageDescriptions {
  readonly manifest: ReadonlyMap<string, string>;
  readonly job: ReadonlyMap<string, string>;
}

const FILE = path.resolve(__dirname, '../job.md');

export function jobPageDescriptions(): JobPageDescriptions {
  const page = readFileSync(FILE, 'utf8');
  const manifest = firstTable(page, 'What you write').map(([field, , leftOut]): [string, string] => [
    field!,
    leftOut === 'required' ? '' : `default: ${leftOut === 'model' ? 'what the model says' : leftOut}`,
  ]);
  const job = firstTable(page, 'What you get back').map(([field, says]): [string, string] => [field!, says!]);
  return { manifest: withText(manifest), job: withText(job) };
}

/** Without what the rule of the field says anyhow. */
function withText(entries: [string, string][]): ReadonlyMap<string, string> {
  return new Map(entries.filter(([, text]) => text !== '' && text !== '1' && !text.startsWith('one of ')));
}

/** Its rows below the heading, cell by cell; field names without their backticks. */
function firstTable(page: string, heading: string): string[][] {
  const [, section = ''] = page.split(`\n## ${heading}\n`);
  const [table = ''] = section.split('\n\n').filter((paragraph) => paragraph.trim().startsWith('|'));
  const rows = table.trim().split('\n').slice(2);
  return rows.map((row) => {
    const [field = '', ...cells] = row
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim());
    return [field.replaceAll('`', ''), ...cells];
  });
}
