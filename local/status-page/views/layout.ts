/** The frame of every page: landmarks, the one style sheet, the one script. */
import { html } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';
import { assetUrl } from '../assets';

export type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

export interface PageFrame {
  readonly title: string;
  /** Which entry of the navigation this page is. */
  readonly current?: 'jobs' | 'new';
  /** How often the page asks for news, milliseconds; 0 for a page that has no more to tell. */
  readonly pollMs?: number;
  /** Told to screen readers whenever it changes; short and seldom. */
  readonly announcement?: string;
  readonly body: Html;
}

/** How often a browser without scripts loads the page again. */
const REFRESH_SECONDS = 5;

export function layout({ title, current, pollMs = 0, announcement = '', body }: PageFrame): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · mv2id</title>
<link rel="icon" href="${assetUrl('icon.svg')}" type="image/svg+xml">
<link rel="stylesheet" href="${assetUrl('style.css')}">
<script src="${assetUrl('page.js')}" defer></script>
${pollMs > 0 && html`<noscript><meta http-equiv="refresh" content="${REFRESH_SECONDS}"></noscript>`}
</head>
<body>
<a class="skip-link" href="#main">Skip to the content</a>
<header class="site-header">
<div class="site-header-inner">
<a class="brand" href="/"><img src="${assetUrl('icon.svg')}" alt="" width="28" height="28"><span>mv2id</span></a>
<nav aria-label="Pages">
<a href="/" ${current === 'jobs' && html`aria-current="page"`}>Jobs</a>
<a href="/new" class="button primary" ${current === 'new' && html`aria-current="page"`}>New video</a>
</nav>
</div>
</header>
<p id="connection" class="connection" role="status"></p>
<main id="main" data-poll="${pollMs}" data-announcement="${announcement}">
${body}
</main>
<p id="announcer" class="visually-hidden" aria-live="polite"></p>
</body>
</html>`;
}
