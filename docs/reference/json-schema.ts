/**
 * A document's schema as JSON Schema (draft 2020-12), for editors and for programs in other languages. What it refuses, the service
 * refuses too; the service checks a little more (docs/contract.md says what).
 */
import { z } from 'zod';
import type { Document } from './documents';

interface Node extends z.core.JSONSchema.BaseSchema {
  /** Our own, in the messages of the service. */
  rule?: string;
}

export function jsonSchema({ title, about, schema, id, isInput, descriptions }: Document): Node {
  const made = z.toJSONSchema(schema, { target: 'draft-2020-12', io: isInput ? 'input' : 'output' }) as Node;
  const { $schema, $defs, ...rest } = made;
  const described = describe(rest, '', descriptions, isInput);
  const whole = {
    $schema,
    $id: id,
    title,
    description: about.replaceAll('`', ''),
    ...described,
    ...($defs && { $defs }),
  };
  // Any JSON value, of metadata.
  return JSON.parse(JSON.stringify(whole).replaceAll('__schema0', 'json'));
}

/** @param at path of the field: `reference_set.images[].file`. */
function describe(node: Node, at: string, descriptions: ReadonlyMap<string, string>, isInput: boolean): Node {
  const { rule, properties, items, anyOf, additionalProperties, ...rest } = node;
  const description = sentence([rule && `must be ${rule}`, descriptions.get(at)]);
  const inside = (inner: unknown, place: string) => describe(inner as Node, place, descriptions, isInput);
  const isClosed = additionalProperties === false;
  return {
    ...(description !== '' && { description }),
    ...rest,
    ...(properties && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([key, inner]) => [key, inside(inner, at === '' ? key : `${at}.${key}`)]),
      ),
    }),
    ...(items && { items: inside(items, `${at}[]`) }),
    ...(anyOf && { anyOf: anyOf.map((inner) => withoutDescription(inside(inner, at))) }),
    // What we write may gain fields.
    ...(additionalProperties !== undefined && (isInput || !isClosed) && { additionalProperties }),
  };
}

/** It stands at the whole already. */
function withoutDescription({ description: _, ...rest }: Node): Node {
  return rest;
}

/** Markdown is for pages. */
function sentence(parts: readonly (string | undefined)[]): string {
  const text = parts.filter((part) => part !== undefined && part !== '').join('; ');
  return text === ''
    ? ''
    : `${text.charAt(0).toUpperCase()}${text.slice(1)}.`.replaceAll('`', '').replace(/\.\.$/, '.');
}
