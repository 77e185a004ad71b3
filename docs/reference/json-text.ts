/** JSON as the formatter of this repository writes it: a list that fits stands on one line. */
const LINE_WIDTH = 120;

export function jsonText(value: unknown): string {
  return `${text(value, '', 0)}\n`;
}

/** @param before how many characters stand on the line already. */
function text(value: unknown, indent: string, before: number): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    const isPlain = value.every((item) => typeof item !== 'object' || item === null);
    const line = `[${value.map((item) => JSON.stringify(item)).join(', ')}]`;
    // A comma may follow.
    if (isPlain && before + line.length + 1 <= LINE_WIDTH) return line;
    return block(
      '[',
      value.map((item) => `${inner}${text(item, inner, inner.length)}`),
      `${indent}]`,
    );
  }
  const entries = Object.entries(value).map(([key, item]) => {
    const start = `${inner}${JSON.stringify(key)}: `;
    return `${start}${text(item, inner, start.length)}`;
  });
  return entries.length === 0 ? '{}' : block('{', entries, `${indent}}`);
}

function block(open: string, lines: readonly string[], close: string): string {
  return `${open}\n${lines.join(',\n')}\n${close}`;
}
