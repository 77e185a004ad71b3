/** HTML as a tagged template: every value is escaped, except what is HTML already. */
import { encode } from 'html-entities';

/** Markup that is safe to put into a page as it is. */
export class Html {
  constructor(readonly text: string) {}
}

/** Null and false stand for nothing. */
export type HtmlValue = string | number | Html | null | false | readonly HtmlValue[];

/** html`<p>${anything}</p>` */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return new Html(strings.map((string, i) => (i === 0 ? string : `${render(values[i - 1]!)}${string}`)).join(''));
}

function render(value: HtmlValue): string {
  if (value instanceof Html) return value.text;
  if (Array.isArray(value)) return value.map(render).join('');
  if (value === null || value === false) return '';
  return encode(String(value), { mode: 'specialChars' });
}
