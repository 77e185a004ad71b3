/** The articles of a document: what stands under each third-level heading of a section. */
export interface Article {
  readonly heading: string;
  readonly text: string;
}

/** @param section its second-level heading. */
export function articles(document: string, section: string): Article[] {
  const [, rest] = document.split(`\n## ${section}\n`);
  if (rest === undefined) throw new Error(`The document must have a section "${section}".`);
  const [, ...parts] = rest.split(/\n## /)[0]!.split('\n### ');
  return parts.map((part) => {
    const end = part.indexOf('\n');
    return { heading: part.slice(0, end), text: part.slice(end + 1) };
  });
}
