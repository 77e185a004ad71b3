/** What the pages for operators name is there: commands with their options, anchors, settings, error codes, permissions that fit. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { runCommand } from '../../cli/mv2id';
import { uploadKey } from '../../contract/keys';
import { fieldsOf } from '../../docs/reference/schema-fields';
import { SettingsSchema } from '../../infra/settings';

const ROOT = path.resolve(__dirname, '../..');
const PAGES = ['runbook.md', 'deploy.md', 'security.md', 'settings.md', 'contract.md'];

test.each(PAGES)('%s: its links lead somewhere', (page) => {
  const links = [...textOf(page).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)];
  const broken = links.filter(([, file, anchor]) => {
    const target = path.join(ROOT, 'docs', file || page);
    if (!existsSync(target)) return true;
    return anchor !== undefined && !anchorsOf(readFileSync(target, 'utf8')).has(anchor);
  });
  expect(broken.map(([link]) => link)).toEqual([]);
});

test.each(PAGES.slice(0, 3))('%s: its commands and their options exist', async (page) => {
  const help = new Map<string, string>();
  const wrong: string[] = [];
  for (const words of commandsOf(textOf(page))) {
    const { command, options } = parsed(words);
    const text = help.get(command) ?? (await helpOf(command));
    help.set(command, text);
    // Help of the nearest command that is known begins with another usage.
    const isKnown = new RegExp(`^Usage: mv2id (\\[options\\] )?${command}( |$)`, 'm').test(text);
    const unknown = options.filter((option) => !new RegExp(`${option}[ ,\\n]`).test(text));
    if (!isKnown || unknown.length > 0) wrong.push(`${command}: ${isKnown ? unknown.join(' ') : 'no such command'}`);
  }
  expect(help.size).toBeGreaterThan(0);
  expect(wrong).toEqual([]);
});

test.each(PAGES.slice(0, 3))('%s: its settings exist', (page) => {
  const known = new Set(fieldsOf(SettingsSchema).map((field) => field.path));
  const groups = new Set([...known].flatMap((field) => field.split('.').slice(0, -1).join('.')));
  const sections = 'network|gpu|lambda|retention|operations|training';
  const named = [...textOf(page).matchAll(new RegExp(`\`((?:${sections})\\.[a-z_.]+?)[:\`]`, 'g'))].map(
    ([, name]) => name!,
  );
  expect(named.length).toBeGreaterThan(0);
  expect(named.filter((name) => !known.has(name) && !groups.has(name))).toEqual([]);
});

test('the runbook tells of every error that is ours to mend', () => {
  const [, table = ''] = textOf('runbook.md').split('| `error.code` |');
  const told = [...table.split('\n\n')[0]!.matchAll(/`([a-z]+(?:_[a-z]+)+)`/g)].map(([, code]) => code);
  const codes = sourcesOf(['lambdas', 'gpu-worker']).flatMap((source) =>
    [...source.matchAll(/(?:ours|namedError)\(\s*'([a-z_]+)'|code: '(batch_job_lost|invalid_model)'/g)].map(
      ([, called, written]) => called ?? written!,
    ),
  );
  // A time limit of the job's own is no failure.
  const ours = new Set(codes.filter((code) => code !== 'execution_timeout'));
  expect(ours.size).toBeGreaterThan(8);
  expect(told).toEqual(expect.arrayContaining([...ours]));
});

test("the policy of an uploader lets it write its tenant's sets, and nothing else", () => {
  const [, json = ''] = /```json\n(.*?)```/s.exec(textOf('security.md').split('## Confining a tenant')[1]!) ?? [];
  const { Statement } = JSON.parse(json.replaceAll('<tenant>', 'acme').replaceAll('<uploads bucket>', 'uploads'));
  expect(Statement).toHaveLength(1);
  const [{ Action, Resource }] = Statement;
  expect(Action).toEqual(['s3:PutObject', 's3:DeleteObject']);
  const pattern = new RegExp(`^${Resource.replace('arn:aws:s3:::uploads/', '').replaceAll('*', '.*')}$`);
  const isAllowed = (key: string) => pattern.test(key);
  expect(isAllowed(uploadKey('acme', 'ada', 'job.json'))).toBe(true);
  expect(isAllowed(uploadKey('acme2', 'ada', 'job.json'))).toBe(false);
  expect(isAllowed(uploadKey('other', 'acme', 'front.png'))).toBe(false);
});

function textOf(page: string): string {
  return readFileSync(path.join(ROOT, 'docs', page), 'utf8');
}

/** As GitHub makes them of headings. */
function anchorsOf(text: string): Set<string> {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading!);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** The words of every `mv2id ...`, in code blocks and in between. */
function commandsOf(text: string): string[][] {
  const found = [...text.matchAll(/(?:^|[`|]|xargs -n 1 |npx )\s*mv2id ([^`|#\n]+)/gm)].map(([, line]) => line!.trim());
  // What a command prints or is for stands after several spaces.
  return found.map((line) => line.split(/ {3,}/)[0]!.split(/\s+/)).filter((words) => words[0] !== '...');
}

/** The command's own name, and the options that it is given besides the global ones. */
function parsed(words: readonly string[]): { command: string; options: string[] } {
  const rest = [...words];
  if (rest[0] === '--profile') rest.splice(0, 2);
  const names = [];
  while (/^[a-z-]+$/.test(rest[0] ?? '') && !rest[0]!.startsWith('-')) {
    names.push(rest.shift()!);
    if (!['model', 'webhooks', 'profile', 'train', 'consent'].includes(names.at(-1)!)) break;
  }
  return { command: names.join(' '), options: rest.filter((word) => /^--[a-z-]+$/.test(word)) };
}

async function helpOf(command: string): Promise<string> {
  let text = '';
  const write = (chunk: string) => {
    text += chunk;
  };
  await runCommand([...command.split(' '), '--help'], { stdout: { write }, stderr: { write } });
  return text;
}

function sourcesOf(folders: readonly string[]): string[] {
  return folders.flatMap((folder) =>
    readdirSync(path.join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => readFileSync(path.join(entry.parentPath, entry.name), 'utf8')),
  );
}
