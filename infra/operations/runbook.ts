/** Where an alarm's article stands. The anchor of an article is its heading, which is the name of what rings. */
import type { Settings } from '../settings';

const FILE = 'docs/runbook.md';

export function articleOf(anchor: string, { operations }: Pick<Settings, 'operations'>): string {
  return `${operations.runbook_url ?? FILE}#${anchor}`;
}
