/** The doc comments that stand in the sources beside fields and constants: what is said there once is not written again. */
import { readFileSync } from 'node:fs';
import path from 'node:path';

export interface Constant {
  readonly name: string;
  /** Null where it has none of its own. */
  readonly comment: string | null;
}

const ROOT = path.resolve(__dirname, '../..');
const COMMENT = String.raw`\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n`;

/**
 * Comments of the fields of a zod object, by path (`outputs[].seed`). Reads the indentation that the formatter gives the source.
 * @param constant that the object is assigned to.
 */
export function fieldComments(file: string, constant: string): Map<string, string> {
  const body = bodyOf(read(file), constant);
  const comments = new Map<string, string>();
  const above: { indent: number; path: string; isList: boolean }[] = [];
  for (const [, comment, indent = '', key, value = ''] of body.matchAll(
    new RegExp(String.raw`(?:^ *${COMMENT})?^( +)(\w+): *(z?.*)$`, 'gm'),
  )) {
    while (above.length > 0 && above.at(-1)!.indent >= indent.length) above.pop();
    const owner = above.at(-1);
    const field = owner ? `${owner.path}${owner.isList ? '[]' : ''}.${key}` : key!;
    if (comment !== undefined) comments.set(field, plain(comment));
    above.push({ indent: indent.length, path: field, isList: value.startsWith('z.array(') });
  }
  return comments;
}

/** What stands above a constant, exported or not. */
export function constantComment(file: string, constant: string): string | null {
  return constants(file, '(?:export )?').find(({ name }) => name === constant)?.comment ?? null;
}

/** Exported constants in their order. */
export function constants(file: string, prefix = 'export '): Constant[] {
  const found = read(file).matchAll(new RegExp(String.raw`(?:${COMMENT})?^${prefix}const (\w+)`, 'gm'));
  return [...found].map(([, comment, name]) => ({
    name: name!,
    comment: comment === undefined ? null : plain(comment),
  }));
}

function read(file: string): string {
  return readFileSync(path.join(ROOT, file), 'utf8');
}

function bodyOf(source: string, constant: string): string {
  const [, after] = source.split(new RegExp(`^(?:export )?const ${constant} = `, 'm'));
  if (after === undefined) throw new Error(`${constant} must be a constant of the source.`);
  return after.slice(0, after.search(/^ {0,2}\S.*;$/m));
}

/** On one line. */
function plain(comment: string): string {
  return comment
    .replaceAll(/^\s*\*/gm, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}
