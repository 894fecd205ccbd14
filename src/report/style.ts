/** The page's look; light and dark as the reader's system has it. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fbfaf8; --card: #ffffff; --ink: #1d1f24; --soft: #666b75; --rule: #e3e1dc;
  --a: #2f6fde; --b: #d9822b; --shade: 0 1px 2px rgb(0 0 0 / 7%);
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15171b; --card: #1e2127; --ink: #e8e9ec; --soft: #9aa0ab; --rule: #31353d;
    --a: #7aa7ff; --b: #f0a95c; --shade: none;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { margin: 0 0 4px; font-size: 28px; line-height: 1.2; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { margin: 48px 0 4px; font-size: 20px; }
h3 { margin: 0 0 8px; font-size: 14px; font-weight: 600; }
p { margin: 0; }
.soft, .meta, figcaption { color: var(--soft); }
.meta { overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin-top: 24px; }
.card { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; box-shadow: var(--shade); }
.tile { padding: 12px 16px; }
.tile b { display: block; font-size: 24px; font-weight: 600; line-height: 1.3; font-variant-numeric: tabular-nums; }
.table { margin-top: 12px; overflow-x: auto; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: 8px 16px; text-align: left; vertical-align: baseline; border-top: 1px solid var(--rule); }
thead th { border-top: 0; font-size: 12px; font-weight: 500; color: var(--soft); }
tbody th { font-weight: 600; white-space: nowrap; }
.value { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
td:last-child { min-width: 260px; }
td.better { white-space: nowrap; color: var(--soft); }
tr.out th, tr.out td { color: var(--soft); font-weight: 400; }
@media (max-width: 640px) {
  thead { display: none; }
  tbody tr { display: grid; grid-template-columns: 1fr auto; border-top: 1px solid var(--rule); padding: 8px 0; }
  tbody tr:first-child { border-top: 0; }
  tbody th, td { border: 0; padding: 2px 16px; }
  tbody th { white-space: normal; }
  td.better { grid-column: 1 / -1; font-size: 13px; }
  td:last-child { grid-column: 1 / -1; min-width: 0; }
}
.note { display: block; color: var(--soft); font-size: 13px; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(300px, 100%), 1fr)); gap: 16px; margin-top: 12px; }
.plot { padding: 16px; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font: 11px system-ui, sans-serif; }
.grid { stroke: var(--rule); fill: none; }
.bar rect { fill-opacity: 0.55; }
.bar.a rect, .line.a circle { fill: var(--a); }
.bar.b rect, .line.b circle { fill: var(--b); }
.line polyline { fill: none; stroke-width: 2; }
.line.a polyline { stroke: var(--a); }
.line.b polyline { stroke: var(--b); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; padding-top: 8px; font-size: 13px; color: var(--soft); }
.legend i { display: inline-block; width: 10px; height: 10px; margin-right: 6px; border-radius: 3px; opacity: 0.75; }
.legend .a i { background: var(--a); }
.legend .b i { background: var(--b); }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(210px, 1fr)); gap: 16px; margin-top: 16px; }
.pictures figure { margin: 0; padding: 10px; display: flex; flex-direction: column; gap: 8px; }
.row { display: grid; grid-template-columns: 2fr 1fr; gap: 8px; align-items: start; }
.row.even { grid-template-columns: 1fr 1fr; }
.row.one { grid-template-columns: 1fr; }
.side { display: grid; gap: 8px; }
.side span, .even span { display: block; font-size: 11px; line-height: 1.3; color: var(--soft); }
img { display: block; width: 100%; aspect-ratio: 1; border-radius: 6px; background: var(--rule); }
.samples { display: grid; gap: 16px; }
.samples figure, .plots figure { margin: 0; }
.samples img { aspect-ratio: auto; }
img.small { image-rendering: pixelated; }
figcaption { font-size: 13px; line-height: 1.4; overflow-wrap: anywhere; }
figcaption strong { display: block; color: var(--ink); font-weight: 600; font-size: 14px; }
footer { margin-top: 48px; padding-top: 16px; border-top: 1px solid var(--rule); color: var(--soft); font-size: 13px; }
`;
