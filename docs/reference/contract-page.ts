/** docs/contract.md: every document field by field, and every limit with its reason. */
import * as limits from '../../contract/limits';
import { type Document, documents } from './documents';
import { fieldsOf } from './schema-fields';
import { constants } from './source-comments';
import { table } from './table';

const INTRODUCTION = `# The contract, field by field

Made from the schemas in \`contract/\` by \`npm run docs\`; a test compares it with them. [job.md](job.md) explains job.json and the job object,
[webhooks.md](webhooks.md) how webhooks are signed and sent.

Each document has a [JSON Schema](https://json-schema.org) (draft 2020-12). What a schema refuses, the service refuses too. Of a job.json the
service also checks what a schema cannot say: at most ${limits.MAX_MANIFEST_BYTES} bytes, nested at most ${limits.MAX_MANIFEST_DEPTH} deep, UTF-8; no file named twice, no file
name beyond ${limits.MAX_FILE_NAME_BYTES} bytes; \`metadata\` of at most ${limits.MAX_METADATA_BYTES} bytes; a webhook that can be read as an address, without user name or fragment;
an emoji counts as two characters. And it looks at the images and the model. On one machine a webhook may also be plain http on the
loopback interface, which the schema does not know.

What we write (job object, webhook, report) may gain fields without a new \`schema_version\`: read what you know, and let the rest pass.
What you write may not: an unknown key of job.json is an error, also \`$schema\`. So tell an editor in its own settings; Visual Studio
Code, in \`.vscode/settings.json\`:

\`\`\`json
{ "json.schemas": [{ "fileMatch": ["**/job.json"], "url": "./docs/contract/job.schema.json" }] }
\`\`\`
`;

export function contractPage(): string {
  return [INTRODUCTION, ...documents().map(section), limitsSection()].join('\n');
}

/** The job object stands in a webhook as it is: once is enough. */
function section(document: Document): string {
  const { title, about, schema, schemaFile, isInput, descriptions } = document;
  const all = fieldsOf(schema);
  const fields = all.filter(({ path }) => !path.startsWith('data.'));
  const rows = fields.map(({ path, rule, isOptional }) => {
    const required = isOptional ? '' : 'required';
    return [`\`${path}\``, rule, ...(isInput ? [required] : []), descriptions.get(path) ?? ''];
  });
  if (fields.length < all.length) rows.push(['`data`', 'the job object', '']);
  return [
    `## ${title}`,
    '',
    `${about} [${schemaFile.replace('docs/contract/', '')}](${schemaFile.replace('docs/', '')})`,
    '',
    table(['Field', 'Is', ...(isInput ? ['Must be there'] : []), 'Says'], rows),
  ].join('\n');
}

function limitsSection(): string {
  const values: Record<string, unknown> = { ...limits };
  const rows = constants('contract/limits.ts').map(({ name, comment }) => [
    `\`${name}\``,
    String(values[name]),
    comment ?? '',
  ]);
  return [
    '## Limits',
    '',
    'All of them in `contract/limits.ts`, each with its reason.',
    '',
    table(['Limit', 'Value', 'Why'], rows),
  ].join('\n');
}
