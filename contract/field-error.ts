/**
 * The house grammar for invalid input: "<field> must be <rule>, got <value>." One function turns the issues of a zod schema into
 * it, so that job.json, reference_conditioning.json and the command line speak alike.
 */
import { z } from 'zod';

const WRAPPERS = [z.ZodOptional, z.ZodDefault, z.ZodPrefault, z.ZodNullable];

/** One thing wrong with the input. `path` names the field (`reference_set.images[2].file`), `message` is a whole sentence. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

export const FieldErrorSchema = z.strictObject({ path: z.string(), message: z.string() });

/** Longer values are cut: a message is one line. */
const MAX_VALUE_LENGTH = 60;
/** A key that needs no quotes in a path. */
const PLAIN_KEY = /^[\p{L}\p{N}_$-]{1,60}$/u;

/** "<field> must be <rule>, got <value>." `rule` starts after "must be": "a whole number from 1 to 100". */
export function fieldError(path: string, rule: string, value: unknown): FieldError {
  return { path, message: `${path} must be ${rule}, got ${describe(value)}.` };
}

/** As fieldError, where the value is better told in words than quoted: "a file of 3 frames". */
export function mustBe(path: string, rule: string, got: string): FieldError {
  return { path, message: `${path} must be ${rule}, got ${got}.` };
}

/**
 * All errors of `input` against `schema`, in the order of the schema, or an empty list.
 * @param root name of the whole thing (`job.json`), used where an error has no field of its own.
 */
export function fieldErrors(schema: z.ZodType, input: unknown, root: string): FieldError[] {
  const result = schema.safeParse(input);
  return result.success ? [] : result.error.issues.flatMap((issue) => errorsOfIssue(issue, schema, input, root));
}

/** A value as it is quoted in a message: JSON on one line, cut at 60 characters; `nothing` where the key is missing. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value) && value.length > 0) return `a list of ${value.length}`;
  return cut(visible(JSON.stringify(value) ?? String(value)));
}

function errorsOfIssue(issue: z.core.$ZodIssue, schema: z.ZodType, input: unknown, root: string): FieldError[] {
  const value = valueAt(input, issue.path);
  if (issue.code === 'unrecognized_keys') {
    const owner = pathText(issue.path, root);
    const rule = `absent (${owner} takes ${allowedKeys(schema, issue.path).join(', ')})`;
    return issue.keys.map((key) => fieldError(pathText([...issue.path, key], root), rule, valueAt(value, [key])));
  }
  if (issue.code === 'invalid_key') {
    const key = issue.path.at(-1);
    return [fieldError(pathText(issue.path, root), keyRule(issue, schema), String(key))];
  }
  return [fieldError(pathText(issue.path, root), ruleOf(issue, schema), value)];
}

/** Of the names that a record takes. */
function keyRule(issue: z.core.$ZodIssue, schema: z.ZodType): string {
  const owner = schemaAt(schema, issue.path.slice(0, -1));
  const record = owner && unwrapped(owner);
  const stated = record instanceof z.ZodRecord ? (record.keyType as z.ZodType).meta()?.rule : undefined;
  return typeof stated === 'string' ? stated : issue.message;
}

/** The rule in words. A schema states its own rule with `.meta({ rule })`; the rest is derived from the kind of issue. */
function ruleOf(issue: z.core.$ZodIssue, schema: z.ZodType): string {
  const judge = schemaAt(schema, issue.path);
  const stated = judge?.meta()?.rule ?? (judge && unwrapped(judge).meta()?.rule);
  if (typeof stated === 'string') return stated;
  switch (issue.code) {
    case 'invalid_type':
      return article(issue.expected === 'int' ? 'whole number' : issue.expected);
    case 'invalid_value':
      return issue.values.length === 1
        ? JSON.stringify(issue.values[0])
        : `one of ${issue.values.map((value) => JSON.stringify(value)).join(', ')}`;
    case 'too_small':
      return `${unitOf(issue.origin)}${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}`;
    case 'too_big':
      return `${unitOf(issue.origin)}${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}`;
    default:
      return issue.message;
  }
}

function unitOf(origin: string): string {
  if (origin === 'array') return 'a list whose length is ';
  if (origin === 'string') return 'a text whose length is ';
  return '';
}

function article(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`;
}

/** `reference_set.images[2].file`; a key that is no plain word is quoted: `metadata["two words"]`. */
function pathText(path: PropertyKey[], root: string): string {
  if (path.length === 0) return root;
  return path
    .map((part, i) => {
      if (typeof part === 'number') return `[${part}]`;
      const key = String(part);
      if (!PLAIN_KEY.test(key)) return `[${cut(visible(JSON.stringify(key)))}]`;
      return i === 0 ? key : `.${key}`;
    })
    .join('');
}

/** JSON leaves some characters as they are that a terminal obeys or nobody sees: they are escaped as well. */
function visible(json: string): string {
  return json.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = character.codePointAt(0)!.toString(16);
    return code.length <= 4 ? `\\u${code.padStart(4, '0')}` : `\\u{${code}}`;
  });
}

/** Never between the halves of a surrogate pair. */
function cut(text: string): string {
  if (text.length <= MAX_VALUE_LENGTH) return text;
  return `${text.slice(0, MAX_VALUE_LENGTH).replace(/[\uD800-\uDBFF]$/, '')}...`;
}

function valueAt(input: unknown, path: PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, part) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, part)
        ? (value as Record<PropertyKey, unknown>)[part]
        : undefined,
    input,
  );
}

/** The schema that judges the value at `path`, as far as objects, lists and optional wrappers lead to it. */
function schemaAt(schema: z.ZodType, path: PropertyKey[]): z.ZodType | undefined {
  return path.reduce<z.ZodType | undefined>((outer, part) => {
    const inner = outer && unwrapped(outer);
    if (inner instanceof z.ZodObject) return inner.shape[String(part)];
    if (inner instanceof z.ZodRecord) return inner.valueType as z.ZodType;
    return inner instanceof z.ZodArray ? (inner.element as z.ZodType) : undefined;
  }, schema);
}

function unwrapped(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodPipe) return unwrapped(schema.def.in as z.ZodType);
  const wraps = WRAPPERS.some((wrapper) => schema instanceof wrapper);
  return wraps ? unwrapped((schema as z.ZodOptional).def.innerType as z.ZodType) : schema;
}

function allowedKeys(schema: z.ZodType, path: PropertyKey[]): string[] {
  const owner = schemaAt(schema, path);
  const object = owner && unwrapped(owner);
  return object instanceof z.ZodObject ? Object.keys(object.shape) : [];
}
