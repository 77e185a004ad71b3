/** The page's own files: read once, and named by their content, so that a browser may keep them. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';

const CONTENT_TYPES = {
  'style.css': 'text/css; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
} as const;
export type AssetName = keyof typeof CONTENT_TYPES;

export interface Asset {
  readonly body: string;
  readonly contentType: string;
  /** Of the content. */
  readonly version: string;
}

const assets = new Map<string, Asset>(
  Object.entries(CONTENT_TYPES).map(([name, contentType]) => {
    const body = readFileSync(path.join(__dirname, 'assets', name), 'utf8');
    return [name, { body, contentType, version: createHash('sha256').update(body).digest('hex').slice(0, 12) }];
  }),
);

export function findAsset(name: string): Asset | null {
  return assets.get(name) ?? null;
}

export function assetUrl(name: AssetName): string {
  return `/assets/${name}?v=${assets.get(name)!.version}`;
}
