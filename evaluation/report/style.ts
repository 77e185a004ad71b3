/** From the first moment to the last, over twelve steps: see trajectory.ts. */
const TIME_COLOURS = Array.from({ length: 12 }, (_, i) => {
  const [from, to, share] = i < 6 ? ['--c0', '--c3', i / 5.5] : ['--c3', '--c1', (i - 5.5) / 5.5];
  return `.time-${i} { color: color-mix(in oklab, var(${to}) ${Math.round(100 * share)}%, var(${from})); }`;
}).join('\n');

/** The look of the page: light, dark, narrow, printed. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fbfaf8; --card: #ffffff; --ink: #1d1c1a; --soft: #64605a; --rule: #e4e0d9; --accent: #8a3b12;
  --c0: #3b6ea5; --c1: #d98324; --c2: #3f8f6b; --c3: #b34a5f; --c4: #7a62a8; --c5: #8c8a2f; --c6: #4a9aa8; --c7: #8b6b57;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #161514; --card: #1f1e1c; --ink: #edeae5; --soft: #a8a29a; --rule: #37342f; --accent: #f0a06f;
    --c0: #78a9dd; --c1: #eda757; --c2: #70c19b; --c3: #e38597; --c4: #ad97da; --c5: #c4c15e; --c6: #79c9d7; --c7: #c3a18b;
  }
}
* { box-sizing: border-box; }
html { background: var(--paper); color: var(--ink); -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 64rem; padding: clamp(1.25rem, 4vw, 3.5rem) clamp(1rem, 4vw, 2.5rem) 4rem;
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
h1 { margin: 0; font: 600 clamp(2rem, 6vw, 3rem)/1.1 ui-serif, Georgia, "Noto Serif", serif; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { margin: 0 0 1rem; font: 600 1.35rem/1.2 ui-serif, Georgia, "Noto Serif", serif; }
h3 { margin: 1.25rem 0 0.4rem; font-size: 0.875rem; font-weight: 600; color: var(--soft); }
p { margin: 0; }
code { font: 0.875em/1.4 ui-monospace, SFMono-Regular, Menlo, "Noto Sans Mono", monospace; overflow-wrap: anywhere; }
.kicker { color: var(--accent); font-size: 0.8125rem; font-weight: 600; letter-spacing: 0.08em; text-transform: uppercase; margin-bottom: 0.35rem; }
.byline { color: var(--soft); margin-top: 0.5rem; overflow-wrap: anywhere; }
.prompt { margin: 1.25rem 0 0; padding: 0.1rem 0 0.1rem 1rem; border-left: 3px solid var(--accent);
  font: italic 1.2rem/1.5 ui-serif, Georgia, "Noto Serif", serif; max-width: 44rem; overflow-wrap: anywhere; white-space: pre-line; }
.prompt .negative { font-size: 1rem; color: var(--soft); margin-top: 0.35rem; }
.top { display: grid; gap: 1.5rem; margin-top: 2rem; }
section { min-width: 0; }
.sheet { margin-top: 1.5rem; display: grid; gap: 1.5rem; grid-template-columns: repeat(2, minmax(0, 1fr)); align-items: start; }
.sheet > section { background: var(--card); border: 1px solid var(--rule); border-radius: 14px; padding: clamp(1rem, 3vw, 1.75rem); }
.sheet > .wide { grid-column: 1 / -1; }
figure { margin: 0; }
figcaption { color: var(--soft); font-size: 0.875rem; }
.outputs { display: grid; gap: 1.25rem; }
.outputs.several { grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); }
video { display: block; width: 100%; height: auto; max-height: 82vh; background: #000; border-radius: 14px; object-fit: contain; }
.output figcaption { margin-top: 0.6rem; text-align: center; font-variant-numeric: tabular-nums; }
.references { list-style: none; margin: 0; padding: 0; display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); }
.references img { display: block; width: 100%; height: auto; border-radius: 10px; background: var(--rule); }
.references figcaption { margin-top: 0.5rem; line-height: 1.4; }
.references b { color: var(--ink); }
.file { overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-size: 0.9375rem; }
th { font-weight: 400; text-align: left; vertical-align: top; }
th, td { padding: 0.42rem 0; border-top: 1px solid var(--rule); }
tr:first-child > * { border-top: 0; }
.facts { table-layout: fixed; }
.facts col:first-child { width: 7.5rem; }
.wide .facts col:first-child { width: 11rem; }
.facts th { color: var(--soft); padding-right: 1rem; overflow-wrap: anywhere; }
.facts td { overflow-wrap: anywhere; }
.numbers { font-variant-numeric: tabular-nums; }
.numbers td, .numbers thead th + th { text-align: right; padding-left: 1rem; white-space: nowrap; }
.numbers thead th { color: var(--soft); font-size: 0.8125rem; white-space: nowrap; }
.numbers tbody tr:first-child > *, .numbers tfoot tr:first-child > * { border-top: 1px solid var(--rule); }
.numbers tfoot { font-weight: 600; }
.numbers tfoot th { font-weight: 600; }
.scroll { overflow-x: auto; }
.scroll:focus-visible, summary:focus-visible, video:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }
.bar { display: block; width: 100%; height: 1.75rem; border-radius: 7px; margin-bottom: 0.75rem; }
.swatch { width: 0.7rem; height: 0.7rem; display: inline-block; margin-right: 0.35rem; }
.note { overflow-wrap: anywhere; margin-top: 1rem; padding: 0.75rem 1rem; border-radius: 10px; background: var(--paper); font-size: 0.9375rem; }
.charts { display: grid; gap: 1.5rem 2rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); }
.chart figcaption { color: var(--ink); margin-bottom: 0.4rem; }
.chart > svg { display: block; width: 100%; height: auto; }
.chart text { fill: var(--soft); font-size: 11px; font-variant-numeric: tabular-nums; }
.grid { stroke: var(--rule); stroke-width: 1; }
polyline { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
circle { fill: currentColor; }
.line-0 { color: var(--c0); } .line-1 { color: var(--c1); } .line-2 { color: var(--c2); } .line-3 { color: var(--c3); }
.rule { stroke: var(--soft); stroke-width: 1.2; stroke-dasharray: 4 3; }
.rule.reference { stroke: var(--c2); }
.chart .rule-name, .chart .reference-dot text { font-size: 10px; paint-order: stroke; stroke: var(--card); stroke-width: 3px; stroke-linejoin: round; }
.globe { fill: none; stroke: var(--soft); stroke-width: 1; }
ellipse.grid { fill: none; }
.trajectory { stroke: currentColor; stroke-width: 2.6; stroke-linecap: round; }
.trajectory line { stroke: currentColor; }
.behind { stroke-dasharray: 3 3; stroke-linecap: butt; opacity: 0.6; }
.start { fill: var(--card); stroke: currentColor; stroke-width: 2; }
.end { fill: currentColor; stroke: var(--card); stroke-width: 1; }
.scale rect { fill: currentColor; }
.reference-dot { color: var(--c2); }
.reference-dot circle { stroke: var(--card); stroke-width: 1; }
.reference-dot polygon { fill: currentColor; }
.chart .reference-dot text { fill: var(--c2); font-weight: 600; }
${TIME_COLOURS}
.key { color: var(--soft); font-size: 0.8125rem; margin-top: 0.35rem; }
.key .swatch + .swatch, .key .swatch:not(:first-child) { margin-left: 0.9rem; }
.figures { display: grid; gap: 1.5rem 2rem; margin-top: 1.5rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); align-items: start; }
.figures h4 { margin: 0 0 0.35rem; font-size: 0.9375rem; font-weight: 600; }
.extremes { display: grid; gap: 1rem; grid-template-columns: repeat(2, minmax(0, 1fr)); }
.extremes img { display: block; width: 100%; height: auto; border-radius: 10px; background: var(--rule); margin-bottom: 0.4rem; }
.extremes b { color: var(--ink); }
.output-name { margin: 2rem 0 0.75rem; font-size: 1rem; color: var(--ink); }
h2 + .output-name { margin-top: 0; }
.tag { display: inline-block; margin-left: 0.35rem; padding: 0 0.5rem; border: 1px solid var(--accent); border-radius: 999px; color: var(--accent); font-size: 0.75rem; font-weight: 400; }
.fill-0 { fill: var(--c0); } .fill-1 { fill: var(--c1); } .fill-2 { fill: var(--c2); } .fill-3 { fill: var(--c3); }
.fill-4 { fill: var(--c4); } .fill-5 { fill: var(--c5); } .fill-6 { fill: var(--c6); } .fill-7 { fill: var(--c7); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; margin: 0 0 1rem; padding: 0; font-size: 0.875rem; }
details { margin-top: 1.25rem; }
summary { cursor: pointer; color: var(--accent); font-size: 0.9375rem; }
details .scroll { margin-top: 0.75rem; }
.hash { word-break: break-all; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
footer { margin-top: 2rem; color: var(--soft); font-size: 0.8125rem; }
@media (min-width: 52rem) {
  .top.beside { grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); align-items: start; gap: 2.5rem; }
}
@media (max-width: 46rem) { .sheet { grid-template-columns: minmax(0, 1fr); } }
@media (max-width: 30rem) { .wide .facts col:first-child { width: 36%; } }
@media print {
  :root { color-scheme: light; --paper: #fff; --card: #fff; --ink: #000; --soft: #444; --rule: #ccc; --accent: #000;
    --c0: #3b6ea5; --c1: #d98324; --c2: #3f8f6b; --c3: #b34a5f; --c4: #7a62a8; --c5: #8c8a2f; --c6: #4a9aa8; --c7: #8b6b57; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  section, figure, tr { break-inside: avoid; }
  .outputs.one .output { width: 9cm; }
  .top.beside { grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;
