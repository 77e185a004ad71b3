/** docs/settings.md: what a team may choose about its deployment, from infra/settings.ts. */
import { parseSettings, type Settings, SettingsSchema } from '../../infra/settings';
import { fieldsOf } from './schema-fields';
import { constantComment, fieldComments } from './source-comments';
import { table } from './table';

const FILE = 'infra/settings.ts';
/** Parts of the settings that stand in the source as a constant of their own. */
const PARTS: Record<string, string> = {
  network: 'NetworkSchema',
  gpu: 'GpuSchema',
  'lambda.concurrency': 'ConcurrencySchema',
  retention: 'RetentionSchema',
  operations: 'OperationsSchema',
  training: 'TrainingSchema',
};

const INTRODUCTION = `# Settings of a deployment

Made from \`infra/settings.ts\` by \`npm run docs\`; a test compares it with the code. They stand under \`mv2id\` in the context of \`cdk.json\`, or in
\`npx cdk deploy -c mv2id='{...}'\`. Everything has a default, and what is left out costs nothing while nobody uses the service. A setting
that is not allowed ends the synthesis with its name and its rule.

\`\`\`json
{
  "context": {
    "mv2id": {
      "stack_name": "mv2id",
      "gpu": { "max_gpus": 8 },
      "operations": { "emails": ["oncall@example.com"], "monthly_budget_usd": 500 }
    }
  }
}
\`\`\`
`;

export function settingsPage(): string {
  const comments = settingsComments();
  const all = fieldsOf(SettingsSchema);
  const groups = [...new Set(all.map(({ path }) => groupOf(path)))];
  const sections = groups.map((group) => {
    const fields = all.filter(({ path }) => groupOf(path) === group);
    const about = comments.get(group);
    const rows = fields.map(({ path, rule }, i) => {
      const own = comments.get(path) ?? '';
      const above = newGroups(path, fields[i - 1]?.path ?? '').flatMap((name) => comments.get(name) ?? []);
      return [`\`${path}\``, defaultText(path), rule, [...above, own].join(' ').trim()];
    });
    return [
      `## ${group === '' ? 'The whole' : group}`,
      ...(about === undefined ? [] : ['', about]),
      '',
      table(['Setting', 'Default', 'Must be', 'Says'], rows),
    ].join('\n');
  });
  return [INTRODUCTION, ...sections].join('\n');
}

/** Path of a setting, or of a group of them -> its comment in the source. */
export function settingsComments(): Map<string, string> {
  const comments = fieldComments(FILE, 'SettingsSchema');
  for (const [group, constant] of Object.entries(PARTS)) {
    const about = constantComment(FILE, constant);
    if (about !== null) comments.set(group, about);
    for (const [field, text] of fieldComments(FILE, constant)) comments.set(`${group}.${field}`, text);
  }
  return comments;
}

function groupOf(path: string): string {
  const [first = '', ...more] = path.split('.');
  return more.length === 0 ? '' : first;
}

/** Groups within a section that begin with this setting: what is said of them stands there. */
function newGroups(path: string, before: string): string[] {
  const keys = path.split('.');
  const groups = keys.slice(1, -1).map((_, i) => keys.slice(0, i + 2).join('.'));
  return groups.filter((group) => !before.startsWith(`${group}.`));
}

function defaultText(path: string): string {
  const keys = path.replaceAll('[]', '.0').split('.');
  const value = keys.reduce<unknown>(
    (owner, key) => (owner as Record<string, unknown> | undefined)?.[key],
    parseSettings({}) satisfies Settings,
  );
  return value === undefined ? 'none' : `\`${JSON.stringify(value)}\``;
}
