"""The style of a report: one column on a telephone, several on a screen."""

STYLE = """
:root { --ink: #1b1f24; --quiet: #5b6470; --line: #d9dee4; --bar: #0072b2; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: #fff;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
header, main { max-width: 1200px; margin: 0 auto; padding: 0 16px; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 24px 0 8px; }
h2 { font-size: 1.3rem; margin: 40px 0 12px; padding-top: 8px;
  border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 0; overflow-wrap: anywhere; }
p { margin: 8px 0; max-width: 75ch; }
nav { display: flex; flex-wrap: wrap; gap: 4px 16px; }
a { color: var(--bar); }
.quiet { color: var(--quiet); font-size: 0.875rem; }
.grid { display: grid; gap: 16px;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); }
.small.grid { grid-template-columns: repeat(auto-fill, minmax(min(100%, 200px), 1fr)); }
.card { border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px;
  min-width: 0; }
.small .card { display: flex; flex-direction: column; }
.small .trend { margin-top: auto; }
.figures { display: grid; gap: 8px 24px; margin: 0;
  grid-template-columns: repeat(auto-fill, minmax(130px, 1fr)); }
.figures dt { color: var(--quiet); font-size: 0.875rem; }
.figures dd { margin: 0; font-size: 1.35rem; font-weight: 600; }
.share { height: 6px; background: #eef1f4; border-radius: 3px; margin: 8px 0; }
.share span { display: block; height: 6px; background: var(--color, var(--bar));
  border-radius: 3px; }
.terms { list-style: none; margin: 8px 0; padding: 0; display: grid;
  grid-template-columns: repeat(auto-fill, minmax(130px, 1fr)); gap: 2px 12px; }
.terms li { position: relative; padding: 1px 6px; overflow-wrap: anywhere;
  background: linear-gradient(90deg, #dcebf5 var(--p), transparent var(--p)); }
blockquote { margin: 8px 0; padding: 0 0 0 10px; border-left: 3px solid var(--line);
  font-size: 0.875rem; overflow-wrap: anywhere; }
summary { cursor: pointer; color: var(--quiet); font-size: 0.875rem; }
section > h3 { margin-top: 20px; }
figure { margin: 0; overflow-x: auto; }
img { display: block; max-width: 100%; height: auto; margin: 0 auto; }
.trend { display: block; width: 100%; height: 64px; color: var(--color, var(--bar)); }
.trend polyline { fill: none; stroke: currentColor; stroke-width: 1.5;
  vector-effect: non-scaling-stroke; }
.trend polyline.alone { stroke-width: 5; stroke-linecap: round; }
.trend polygon { fill: currentColor; fill-opacity: 0.18; }
.trend polygon.alone { stroke: currentColor; stroke-opacity: 0.18; stroke-width: 3;
  vector-effect: non-scaling-stroke; }
.axis { display: flex; justify-content: space-between; white-space: nowrap; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.875rem; }
th, td { text-align: left; padding: 4px 10px 4px 0; vertical-align: top;
  border-bottom: 1px solid var(--line); overflow-wrap: break-word; }
th { max-width: 9em; vertical-align: bottom; line-height: 1.25; }
th:first-child, td:first-child { min-width: 8em; max-width: 24em;
  position: sticky; left: 0; background: #fff; }
td.number, td.shaded { white-space: nowrap; }
td.shaded { padding: 4px; text-align: right; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
@media (max-width: 480px) {
  h1 { font-size: 1.4rem; }
  .card { padding: 10px; }
  th:first-child, td:first-child { max-width: 10em; }
}
@media print { nav { display: none; } .card { break-inside: avoid; } }
"""
