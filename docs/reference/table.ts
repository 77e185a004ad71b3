/** A table in Markdown. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(escaped).join(' | ')} |`;
  return `${[line(heading), line(heading.map(() => '---')), ...rows.map(line)].join('\n')}\n`;
}

/** Outside of code, \`<a>\` would be a tag. */
function escaped(cell: string): string {
  const parts = cell.split('`').map((part, i) => (i % 2 === 0 ? part.replaceAll('<', '&lt;') : part));
  return parts.join('`').replaceAll('|', '\\|');
}
