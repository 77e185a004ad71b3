/** docs/job.md says what the schemas say: every field, in their order, with its rule; every state with its moves; every exit code. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { EXIT_INTERRUPTED, EXIT_SOFTWARE, EXIT_USAGE } from '../../cli/exit-code';
import { canMove, JOB_STATES, JobSchema } from '../../contract/job';
import { ManifestSchema } from '../../contract/manifest';

const DOCUMENT = readFileSync(path.resolve(__dirname, '../../docs/job.md'), 'utf8');

interface Field {
  readonly path: string;
  readonly rule: string;
  readonly isOptional: boolean;
}

test('job.json: fields, rules, and which may be left out', () => {
  const rows = tableAfter('## What you write').map(([field, rule, missing]) => ({
    path: field,
    rule,
    isOptional: missing !== 'required',
  }));
  expect(rows).toEqual(leavesOf(ManifestSchema));
});

test('the job object: fields', () => {
  const rows = tableAfter('## What you get back').map(([field]) => field);
  expect(rows).toEqual(leavesOf(JobSchema).map((field) => field.path));
});

test('states and their moves', () => {
  const moves = JOB_STATES.map((from) => [from, JOB_STATES.filter((to) => canMove(from, to)).join(', ') || 'none']);
  expect(tableAfter('## States').map(([state, next]) => [state, next])).toEqual(moves);
});

test('exit codes', () => {
  const codes = [0, EXIT_USAGE, EXIT_SOFTWARE, EXIT_INTERRUPTED].map(String);
  expect(tableAfter('## Exit codes').map(([code]) => code)).toEqual(codes);
});

/** Cells of the first table under a heading, without its head and without backticks. */
function tableAfter(heading: string): string[][] {
  const section = DOCUMENT.slice(DOCUMENT.indexOf(`\n${heading}\n`) + heading.length + 2).split('\n## ')[0]!;
  const lines = section.split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.replaceAll('`', '').trim()),
  );
}

/** Every field that holds a value, `reference_set.images[].file`. */
function leavesOf(schema: z.ZodType, at = '', isOptional = false): Field[] {
  const inner = unwrapped(schema);
  const mayMiss = isOptional || schema instanceof z.ZodOptional;
  if (inner instanceof z.ZodObject) {
    return Object.entries(inner.shape).flatMap(([key, field]) => {
      return leavesOf(field as z.ZodType, at === '' ? key : `${at}.${key}`, mayMiss);
    });
  }
  const element = inner instanceof z.ZodArray ? unwrapped(inner.element as z.ZodType) : undefined;
  const ofList = element instanceof z.ZodObject ? leavesOf(element, `${at}[]`, mayMiss) : [];
  return [{ path: at, rule: ruleOf(schema), isOptional: mayMiss }, ...ofList];
}

function ruleOf(schema: z.ZodType): string {
  const inner = unwrapped(schema);
  const stated = schema.meta()?.rule ?? inner.meta()?.rule;
  if (typeof stated === 'string') return stated;
  if (inner instanceof z.ZodLiteral) return String(inner.value);
  if (inner instanceof z.ZodEnum) return `one of ${inner.options.join(', ')}`;
  if (inner instanceof z.ZodArray) return `a list, each ${ruleOf(inner.element as z.ZodType)}`;
  return '';
}

function unwrapped(schema: z.ZodType): z.ZodType {
  const wraps = schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault;
  return wraps ? unwrapped(schema.unwrap() as z.ZodType) : schema;
}
