/** The fields of a zod object, as a reference shows them. */
import { z } from 'zod';

export interface Field {
  /** `reference_set.images[].file` */
  readonly path: string;
  /** In words. */
  readonly rule: string;
  readonly isOptional: boolean;
  /** Of itself or of an object around it; undefined where there is none. */
  readonly defaultValue: unknown;
}

/** Every field that holds a value, in the schema's order; a list of objects has a line of its own before them. */
export function fieldsOf(schema: z.ZodType): Field[] {
  return fieldsAt(schema, '', false, undefined);
}

function fieldsAt(schema: z.ZodType, at: string, isOptional: boolean, outer: unknown): Field[] {
  const { inner, isNullable, mayMiss, defaultValue = outer, rule } = unwrapped(schema);
  const field = { path: at, rule: '', isOptional: isOptional || mayMiss, defaultValue };
  if (inner instanceof z.ZodObject) {
    return Object.entries(inner.shape).flatMap(([key, value]) => {
      const ofKey = (defaultValue as Record<string, unknown> | undefined)?.[key];
      return fieldsAt(value as z.ZodType, at === '' ? key : `${at}.${key}`, field.isOptional, ofKey);
    });
  }
  const words = rule ?? kindOf(inner);
  const line = { ...field, rule: isNullable ? `${words}, or null` : words };
  if (!(inner instanceof z.ZodArray)) return [line];
  const element = unwrapped(inner.element as z.ZodType).inner;
  return [line, ...(element instanceof z.ZodObject ? fieldsAt(element, `${at}[]`, line.isOptional, undefined) : [])];
}

interface Unwrapped {
  readonly inner: z.ZodType;
  readonly isNullable: boolean;
  readonly mayMiss: boolean;
  readonly defaultValue?: unknown;
  readonly rule?: string;
}

function unwrapped(schema: z.ZodType): Unwrapped {
  const rule = schema.meta()?.rule as string | undefined;
  const within = (more: Partial<Unwrapped>, inner: unknown): Unwrapped => {
    const rest = unwrapped(inner as z.ZodType);
    return { ...rest, ...more, ...((rule ?? rest.rule) !== undefined && { rule: rule ?? rest.rule }) };
  };
  if (schema instanceof z.ZodOptional) return within({ mayMiss: true }, schema.unwrap());
  if (schema instanceof z.ZodNullable) return within({ isNullable: true }, schema.unwrap());
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return within({ mayMiss: true, defaultValue: schema.def.defaultValue }, schema.unwrap());
  }
  return { inner: schema, isNullable: false, mayMiss: false, ...(rule !== undefined && { rule }) };
}

/** For what states no rule of its own. */
function kindOf(schema: z.ZodType): string {
  if (schema instanceof z.ZodLiteral) return oneOf([...schema.values]);
  if (schema instanceof z.ZodEnum) return oneOf(schema.options);
  if (schema instanceof z.ZodArray) {
    const element = unwrapped(schema.element as z.ZodType);
    const of = element.inner instanceof z.ZodObject ? '' : `, each ${element.rule ?? kindOf(element.inner)}`;
    return `a list${of}`;
  }
  if (schema instanceof z.ZodRecord) return 'an object';
  if (schema instanceof z.ZodBoolean) return 'true or false';
  if (schema instanceof z.ZodNumber) return numberKind(schema);
  if (schema instanceof z.ZodStringFormat) return STRING_FORMATS[schema.format ?? ''] ?? 'a text';
  const { pattern = '' } = schema instanceof z.ZodString ? z.toJSONSchema(schema) : {};
  return STRING_PATTERNS[pattern] ?? 'a text';
}

const STRING_FORMATS: Record<string, string> = {
  datetime: 'a time, ISO 8601 in UTC',
  url: 'an address',
  email: 'an email address',
};

const STRING_PATTERNS: Record<string, string> = {
  '^[0-9a-f]{64}$': '64 lower-case hexadecimal digits',
  '^job-[a-z2-7]{26}$': 'a job id',
};

function numberKind(schema: z.ZodNumber): string {
  const { type, minimum, exclusiveMinimum, maximum } = z.toJSONSchema(schema);
  const isWhole = type === 'integer';
  const noun = isWhole ? 'a whole number' : 'a number';
  if (typeof exclusiveMinimum === 'number')
    return isWhole ? `${noun}, ${exclusiveMinimum + 1} or more` : `${noun} above ${exclusiveMinimum}`;
  // A whole number always has bounds: what JavaScript counts exactly.
  const least = minimum === Number.MIN_SAFE_INTEGER ? undefined : minimum;
  const most = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (least !== undefined && most !== undefined) return `${noun} from ${least} to ${most}`;
  return least === undefined ? noun : `${noun}, ${least} or more`;
}

function oneOf(values: readonly unknown[]): string {
  const texts = values.map((value) => String(value));
  return texts.length === 1 ? texts[0]! : `one of ${texts.join(', ')}`;
}
